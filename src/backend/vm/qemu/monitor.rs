//! A client for QEMU's monitor: the part of its protocol that snapshots need (QEMU `docs/interop/qmp-spec.txt`).

use std::io;

use serde_json::{Value, json};
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::backend::bounded_lines::BoundedLines;

/// Maximum number of bytes of a message; the longest of those that are asked for have 1 KiB.
const LONGEST_MESSAGE: u64 = 1 << 20;
/// Maximum number of events that are kept.
const MOST_EVENTS: usize = 1000;

/// An error of the monitor.
#[derive(Debug, Error)]
pub(crate) enum MonitorError {
    /// QEMU has ended, or its monitor cannot be reached.
    #[error("cannot talk to QEMU")]
    Talk(#[source] io::Error),
    #[error("QEMU has ended")]
    Ended,
    #[error("QEMU refused `{command}`: {reason}")]
    Refused { command: String, reason: String },
    #[error("QEMU sent a line that is not a message: {line}")]
    NotAMessage { line: String },
}

/// A connection to QEMU's monitor.
#[derive(Debug)]
pub(crate) struct Monitor {
    input: BoundedLines<OwnedReadHalf>,
    output: OwnedWriteHalf,
    /// Names of events that arrived before an answer.
    events: Vec<String>,
}

impl Monitor {
    /// Negotiates capabilities, which QEMU requires before any command.
    pub(crate) async fn open(stream: UnixStream) -> Result<Self, MonitorError> {
        let (input, output) = stream.into_split();
        let mut monitor = Self {
            input: BoundedLines::new(input, LONGEST_MESSAGE),
            output,
            events: Vec::new(),
        };
        monitor.message().await?;
        monitor.execute("qmp_capabilities", json!({})).await?;
        Ok(monitor)
    }

    /// Executes a command and waits for the answer.
    pub(crate) async fn execute(
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
            self.keep(&message);
        }
    }

    /// Waits for an event of this name, which may have arrived already.
    pub(crate) async fn event(&mut self, name: &str) -> Result<(), MonitorError> {
        loop {
            if let Some(at) = self.events.iter().position(|known| known == name) {
                self.events.remove(at);
                return Ok(());
            }
            let message = self.message().await?;
            self.keep(&message);
        }
    }

    fn keep(&mut self, message: &Value) {
        let name = message.get("event").and_then(Value::as_str);
        let name = name.filter(|_| self.events.len() < MOST_EVENTS);
        self.events.extend(name.map(str::to_owned));
    }

    async fn message(&mut self) -> Result<Value, MonitorError> {
        let line = self.input.next_line().await.map_err(MonitorError::Talk)?;
        let line = line.ok_or(MonitorError::Ended)?;
        serde_json::from_str(&line).map_err(|_| MonitorError::NotAMessage { line })
    }
}
