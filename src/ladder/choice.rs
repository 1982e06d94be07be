//! Chooses the connection to show: a client or command, and one of its attempts.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::LadderError;
use super::attempts::LadderAttempt;
use crate::names::{ActorName, NodeName};
use crate::record::{Capture, Timeline};
use crate::scenario::RunSpec;
use crate::scenario::workload::Load;

/// Time after which an unanswered SYN of a command or proxy counts as failed: the first retransmission comes after 1 s
/// (RFC 6298, section 2.1; `TCP_TIMEOUT_INIT`, Linux `include/net/tcp.h`).
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection as named on the command line: `load` or `load:3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionChoice {
    /// Name of the client or command.
    pub client: ActorName,
    /// Number of the attempt, from 1. If absent: the first that failed, else the first with a retransmission, else the
    /// first.
    pub attempt: Option<usize>,
}

/// The error for a text that does not name a connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a connection; expected CLIENT or CLIENT:N, with N from 1")]
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

/// Checks that a capture belongs to this run, if the capture names its run.
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

/// A client, a proxy or a command, which can open connections.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) name: ActorName,
    pub(super) node: NodeName,
    /// Address that it connects to; `None` for a command, which may connect anywhere.
    pub(super) target: Option<SocketAddr>,
    /// True if it asks over UDP.
    pub(super) datagrams: bool,
    pub(super) timeout: Duration,
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

    /// Returns the index of the chosen attempt. `end` is the last moment of the capture.
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

    /// Returns whether an attempt was refused, had no reply in time, or got the status of an error.
    fn failed(&self, attempt: &LadderAttempt, end: u64) -> bool {
        let waited = attempt.answer.map_or(end, |answer| answer.time);
        let waited = Duration::from_nanos(waited.saturating_sub(attempt.began));
        let refused = attempt.answer.is_some_and(|answer| answer.refused);
        let error = attempt.status.is_some_and(|(status, _)| status >= 400);
        refused || error || waited > self.timeout
    }

    /// Explains that attempts failed before they sent anything, if the record has such attempts.
    fn unsent(&self, timeline: &Timeline) -> Option<String> {
        let count = self.without_port(timeline)?;
        Some(format!(
            "; {count} attempts had no local port left (EADDRNOTAVAIL) and sent no packets"
        ))
    }

    fn without_port(&self, timeline: &Timeline) -> Option<i64> {
        let series = timeline.series(&format!("{}.errors.EADDRNOTAVAIL", self.name))?;
        series.last().filter(|count| *count > 0)
    }

    /// Returns the notes that a reader of the ladder needs.
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
                "{} on `{}` may connect to the same server: packets cannot be \
                 attributed, so attempts are counted over all of them",
                rivals.join(", "),
                self.node
            ));
        }
        for (node, features) in timeline.built.iter().flat_map(|built| &built.emulated) {
            notes.push(format!("emulated on `{node}`: {}", features.join("; ")));
        }
        if let Some(count) = self.without_port(timeline) {
            notes.push(format!(
                "{count} attempts had no local port left (EADDRNOTAVAIL); they sent no packets and are not counted"
            ));
        }
        if capture.dropped > 0 {
            notes.push(format!(
                "the capture lacks {} packets that arrived too fast, so some that seem lost may not be",
                capture.dropped
            ));
        }
        if capture.ends_early {
            notes.push("the capture ends before the run".to_owned());
        }
        if capture.clock_zero.is_none() {
            notes.push(
                "the capture does not show when the run began, so losses have no reasons"
                    .to_owned(),
            );
        }
        notes
    }
}

/// Returns everything in a run that opens connections.
pub(super) fn callers(spec: &RunSpec) -> Vec<Caller> {
    let clients = spec.workload.clients.iter().map(|client| Caller {
        name: client.name.clone(),
        node: client.node.clone(),
        target: Some(client.target),
        datagrams: matches!(client.load, Load::Queries(_)),
        timeout: client.load.timeout().unwrap_or_default(),
    });
    let commands = spec.workload.commands.iter().map(|command| Caller {
        name: command.name.clone(),
        node: command.node.clone(),
        target: None,
        datagrams: false,
        timeout: PATIENCE,
    });
    let proxies = spec.workload.servers.iter().filter_map(|server| {
        Some(Caller {
            name: server.name.clone(),
            node: server.node.clone(),
            target: Some(server.forward.as_ref()?.target),
            datagrams: false,
            timeout: PATIENCE,
        })
    });
    clients.chain(proxies).chain(commands).collect()
}
