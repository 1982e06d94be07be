//! Which connection is to be shown: whose, and which of its attempts.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::LadderError;
use super::attempts::LadderAttempt;
use crate::names::{ActorName, NodeName};
use crate::record::{Capture, Timeline};
use crate::scenario::RunSpec;

/// How long a command's SYN may stay unanswered until that counts as failed: the first retransmission comes after a second
/// (RFC 6298, 2.1; `TCP_TIMEOUT_INIT`, Linux `include/net/tcp.h`).
const PATIENCE: Duration = Duration::from_secs(1);

/// The connection asked for: `load` or `load:3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionChoice {
    /// The client or command.
    pub client: ActorName,
    /// Its attempt, from 1. Where not given: the first that failed, else the first that sent something again, else the first.
    pub attempt: Option<usize>,
}

/// Why a text names no connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no connection: expected CLIENT or CLIENT:N, with N from 1")]
pub struct ConnectionChoiceError(pub String);

impl FromStr for ConnectionChoice {
    type Err = ConnectionChoiceError;

    fn from_str(text: &str) -> Result<Self, ConnectionChoiceError> {
        let (client, attempt) = match text.split_once(':') {
            None => (text, None),
            Some((client, number)) => {
                let number = number.parse().ok().filter(|number| *number > 0);
                (
                    client,
                    Some(number.ok_or_else(|| ConnectionChoiceError(text.to_owned()))?),
                )
            }
        };
        if client.is_empty() {
            return Err(ConnectionChoiceError(text.to_owned()));
        }
        Ok(Self {
            client: ActorName::new(client),
            attempt,
        })
    }
}

/// That a capture is of this run, where it says of which it is.
pub(super) fn same_run(capture: &Capture, spec: &RunSpec) -> Result<(), LadderError> {
    let run = spec.id.to_string();
    match &capture.run {
        Some(capture) if *capture != run => Err(LadderError::OtherRun {
            run,
            capture: capture.clone(),
        }),
        _ => Ok(()),
    }
}

/// A client or a command.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) name: ActorName,
    pub(super) node: NodeName,
    /// What it connects to; a command may connect to anything.
    pub(super) target: Option<SocketAddr>,
    timeout: Duration,
}

impl Caller {
    pub(super) fn find(spec: &RunSpec, name: &ActorName) -> Result<Self, LadderError> {
        let callers = callers(spec);
        let known: Vec<_> = callers.iter().map(|known| known.name.to_string()).collect();
        let mut callers = callers.into_iter();
        callers
            .find(|caller| caller.name == *name)
            .ok_or_else(|| LadderError::Unknown {
                name: name.clone(),
                known: if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                },
            })
    }

    /// The attempt asked for: an index. `end` is the last moment of the capture.
    pub(super) fn choose(
        &self,
        attempts: &[LadderAttempt],
        which: &ConnectionChoice,
        timeline: &Timeline,
        end: u64,
    ) -> Result<usize, LadderError> {
        let client = self.name.clone();
        let reason = self.unsent(timeline).unwrap_or_default();
        if attempts.is_empty() {
            let node = self.node.clone();
            return Err(LadderError::NoAttempt {
                client,
                node,
                reason,
            });
        }
        match which.attempt {
            Some(wanted) if wanted > attempts.len() => Err(LadderError::TooFew {
                client,
                wanted,
                found: attempts.len(),
                reason,
            }),
            Some(wanted) => Ok(wanted.saturating_sub(1)),
            None => {
                let mut each = attempts.iter();
                let failed = each.position(|attempt| self.failed(attempt, end));
                let again = || attempts.iter().position(|attempt| attempt.again);
                Ok(failed.or_else(again).unwrap_or(0))
            }
        }
    }

    /// Whether an attempt was refused, or had no answer in time.
    fn failed(&self, attempt: &LadderAttempt, end: u64) -> bool {
        let waited = attempt.answer.map_or(end, |answer| answer.time);
        let waited = Duration::from_nanos(waited.saturating_sub(attempt.began));
        attempt.answer.is_some_and(|answer| answer.refused) || waited > self.timeout
    }

    /// That attempts failed before they sent anything, where the record knows of such.
    fn unsent(&self, timeline: &Timeline) -> Option<String> {
        let count = self.without_port(timeline)?;
        Some(format!(
            "; {count} attempts had no local port left (EADDRNOTAVAIL) and sent no packet"
        ))
    }

    fn without_port(&self, timeline: &Timeline) -> Option<i64> {
        let series = timeline.series(&format!("{}.errors.EADDRNOTAVAIL", self.name))?;
        series.last().filter(|count| *count > 0)
    }

    /// What a reader of its ladders must know.
    pub(super) fn notes(
        &self,
        capture: &Capture,
        spec: &RunSpec,
        timeline: &Timeline,
    ) -> Vec<String> {
        let mut notes = Vec::new();
        let rivals = callers(spec).into_iter().filter(|other| {
            let same_target = |target| other.target.is_none_or(|other| other == target);
            other.name != self.name
                && other.node == self.node
                && self.target.is_none_or(same_target)
        });
        let rivals: Vec<_> = rivals.map(|rival| rival.name.to_string()).collect();
        if !rivals.is_empty() {
            notes.push(format!(
                "{} on `{}` may connect to the same server: packets do not tell whose they are, attempts are counted over all of them",
                rivals.join(", "),
                self.node
            ));
        }
        for (node, features) in timeline.built.iter().flat_map(|built| &built.emulated) {
            notes.push(format!("emulated on `{node}`: {}", features.join("; ")));
        }
        if let Some(count) = self.without_port(timeline) {
            notes.push(format!(
                "{count} attempts had no local port left (EADDRNOTAVAIL): they sent no packet and are not counted"
            ));
        }
        if capture.dropped > 0 {
            notes.push(format!(
                "the capture lacks {} packets that came too fast: some that seem to vanish may not have",
                capture.dropped
            ));
        }
        if capture.ends_early {
            notes.push("the capture ends before the run".to_owned());
        }
        if capture.clock_zero.is_none() {
            notes.push(
                "the capture does not say when the run began: reasons are not known".to_owned(),
            );
        }
        notes
    }
}

/// Everything in a run that connects.
pub(super) fn callers(spec: &RunSpec) -> Vec<Caller> {
    let clients = spec.workload.clients.iter().map(|client| Caller {
        name: client.name.clone(),
        node: client.node.clone(),
        target: Some(client.target),
        timeout: client.load.timeout().unwrap_or_default(),
    });
    let commands = spec.workload.commands.iter().map(|command| Caller {
        name: command.name.clone(),
        node: command.node.clone(),
        target: None,
        timeout: PATIENCE,
    });
    clients.chain(commands).collect()
}
