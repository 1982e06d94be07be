//! What QEMU is told while it runs: the part of its monitor protocol that snapshots take (QEMU `docs/interop/qmp-spec.txt`).

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use serde_json::{Value, json};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Interest, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::sys::fd_passing::send_with;

/// Why QEMU does not do what it is told.
#[derive(Debug, Error)]
pub enum MonitorError {
    /// It has ended, or its monitor is out of reach.
    #[error("cannot talk to QEMU")]
    Talk(#[source] io::Error),
    /// It has ended in the middle.
    #[error("QEMU has ended")]
    Ended,
    /// It says no.
    #[error("QEMU refuses `{command}`: {reason}")]
    Refused {
        /// What it was told.
        command: String,
        /// What it says.
        reason: String,
    },
    /// It says something that is no message of its protocol.
    #[error("QEMU says what is no message: {line}")]
    NoMessage {
        /// What it says.
        line: String,
    },
    /// A migration did not succeed.
    #[error("QEMU cannot save or restore the guest")]
    Migration,
}

/// The other end of QEMU's monitor.
#[derive(Debug)]
pub(in crate::backend::vm) struct Monitor {
    input: Lines<BufReader<OwnedReadHalf>>,
    output: OwnedWriteHalf,
    /// Names of events that came before an answer, and a migration's state.
    events: Vec<(String, Value)>,
}

impl Monitor {
    /// Takes up the conversation.
    pub(in crate::backend::vm) async fn open(stream: UnixStream) -> Result<Self, MonitorError> {
        let (input, output) = stream.into_split();
        let mut monitor = Self {
            input: BufReader::new(input).lines(),
            output,
            events: Vec::new(),
        };
        monitor.message().await?;
        monitor.tell("qmp_capabilities", json!({})).await?;
        let events = json!({"capabilities": [{"capability": "events", "state": true}]});
        monitor.tell("migrate-set-capabilities", events).await?;
        Ok(monitor)
    }

    /// Tells a command and waits for the answer.
    pub(in crate::backend::vm) async fn tell(
        &mut self,
        command: &str,
        arguments: Value,
    ) -> Result<Value, MonitorError> {
        let mut line = json!({"execute": command, "arguments": arguments}).to_string();
        line.push('\n');
        let sent = self.output.write_all(line.as_bytes()).await;
        sent.map_err(MonitorError::Talk)?;
        self.answer(command).await
    }

    /// Gives QEMU a file, which it then knows by this name.
    pub(in crate::backend::vm) async fn give(
        &mut self,
        name: &str,
        file: &File,
    ) -> Result<(), MonitorError> {
        let mut line = json!({"execute": "getfd", "arguments": {"fdname": name}}).to_string();
        line.push('\n');
        let socket: &UnixStream = self.output.as_ref();
        // A line of this length goes into an empty socket whole.
        let send = || send_with(socket.as_fd(), line.as_bytes(), file.as_fd());
        socket
            .async_io(Interest::WRITABLE, send)
            .await
            .map_err(MonitorError::Talk)?;
        self.answer("getfd").await.map(drop)
    }

    async fn answer(&mut self, command: &str) -> Result<Value, MonitorError> {
        loop {
            let mut message = self.message().await?;
            if let Some(error) = message.get("error") {
                let reason = error
                    .get("desc")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                return Err(MonitorError::Refused {
                    command: command.to_owned(),
                    reason: reason.to_owned(),
                });
            }
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
            self.keep(message);
        }
    }

    /// Waits for an event of this name; it may have come already.
    pub(in crate::backend::vm) async fn event(
        &mut self,
        name: &str,
    ) -> Result<Value, MonitorError> {
        loop {
            if let Some(at) = self.events.iter().position(|(known, _)| known == name) {
                return Ok(self.events.remove(at).1);
            }
            let message = self.message().await?;
            self.keep(message);
        }
    }

    /// Waits until a guest has been saved or restored.
    pub(in crate::backend::vm) async fn migrated(&mut self) -> Result<(), MonitorError> {
        loop {
            let data = self.event("MIGRATION").await?;
            match data.get("status").and_then(Value::as_str) {
                Some("completed") => return Ok(()),
                Some("failed" | "cancelled") => return Err(MonitorError::Migration),
                _ => {}
            }
        }
    }

    fn keep(&mut self, mut message: Value) {
        let name = message
            .get("event")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if let Some(name) = name {
            let data = message.get_mut("data").map_or(Value::Null, Value::take);
            self.events.push((name, data));
        }
    }

    async fn message(&mut self) -> Result<Value, MonitorError> {
        let line = self.input.next_line().await.map_err(MonitorError::Talk)?;
        let line = line.ok_or(MonitorError::Ended)?;
        serde_json::from_str(&line).map_err(|_| MonitorError::NoMessage { line })
    }
}
