//! What a client's engine goes by: a `ClientSpec` with its load model taken apart.

use std::net::IpAddr;
use std::time::Duration;

use socket2::SockAddr;

use crate::record::Offset;
use crate::scenario::workload::{ClientClose, ClientSpec, Load, PortChoice, Schedule};
use crate::traffic::http;

/// What every attempt of a client does, and when attempts start.
#[derive(Debug)]
pub(super) struct LoadPlan {
    pub(super) target: SockAddr,
    pub(super) target_ip: IpAddr,
    pub(super) sources: Vec<IpAddr>,
    pub(super) port: PortChoice,
    pub(super) so_keepalive: bool,
    pub(super) starts: Starts,
    /// When the first may start.
    pub(super) begin: Offset,
    /// Bound on one attempt, from its start.
    pub(super) timeout: Duration,
    pub(super) request: Option<PlannedRequest>,
    /// Whether what is written goes out at once.
    pub(super) nodelay: bool,
    pub(super) end: ConnectionEnd,
    /// How long held connections are held once the last has been tried; `None`: to the end of the run.
    pub(super) hold_for: Option<Duration>,
}

/// When attempts start.
#[derive(Debug, Clone, Copy)]
pub(super) enum Starts {
    /// Open loop.
    Paced(Schedule),
    /// Closed loop: this many at once, until there have been so many.
    Closed { at_once: u64, count: u64 },
}

impl Starts {
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Paced(schedule) => schedule.count,
            Self::Closed { count, .. } => *count,
        }
    }
}

/// What is sent once connected.
#[derive(Debug)]
pub(super) struct PlannedRequest {
    pub(super) head: Vec<u8>,
    /// Bytes that follow the head.
    pub(super) body: u64,
    /// Bytes a `write(2)` of the body.
    pub(super) write: usize,
}

/// What becomes of a connection once its attempt has what it wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    /// FIN from here.
    Close,
    /// RST from here (`SO_LINGER` 0).
    Reset,
    /// FIN from there, then from here.
    AwaitClose,
    /// What the reply says: FIN from there where it announces one, else from here.
    AsAnnounced,
    /// The next request, unless the reply announces a close.
    Reuse,
    /// Nothing until the client ends.
    Hold,
}

impl LoadPlan {
    pub(super) fn of(spec: &ClientSpec) -> Self {
        let (starts, timeout, close, hold_for) = match &spec.load {
            Load::Connect {
                schedule,
                timeout,
                close,
            } => (Starts::Paced(*schedule), *timeout, end_of(*close), None),
            Load::Hold {
                connections,
                rate,
                hold_for,
                timeout,
            } => {
                let schedule = Schedule {
                    from: *rate,
                    to: *rate,
                    count: *connections,
                };
                (
                    Starts::Paced(schedule),
                    *timeout,
                    ConnectionEnd::Hold,
                    Some(*hold_for),
                )
            }
            Load::Loop {
                concurrency,
                requests,
                keep_alive,
                timeout,
            } => {
                let starts = Starts::Closed {
                    at_once: (*concurrency).into(),
                    count: *requests,
                };
                let end = if *keep_alive {
                    ConnectionEnd::Reuse
                } else {
                    ConnectionEnd::AsAnnounced
                };
                (starts, *timeout, end, None)
            }
            Load::Flood { schedule, .. } => (
                Starts::Paced(*schedule),
                Duration::ZERO,
                ConnectionEnd::Hold,
                None,
            ),
            Load::Bulk {
                streams, timeout, ..
            } => {
                let starts = Starts::Closed {
                    at_once: (*streams).into(),
                    count: (*streams).into(),
                };
                (starts, *timeout, ConnectionEnd::AsAnnounced, None)
            }
        };
        Self {
            target: spec.target.into(),
            target_ip: spec.target.ip(),
            sources: spec.sources.clone(),
            port: spec.port,
            so_keepalive: spec.so_keepalive,
            starts,
            begin: Offset::from_duration(spec.start),
            timeout,
            request: request(spec, close),
            nodelay: matches!(spec.load, Load::Bulk { nodelay: true, .. }),
            end: close,
            hold_for,
        }
    }

    /// Whether connections outlive their attempts.
    pub(super) fn holds(&self) -> bool {
        self.end == ConnectionEnd::Hold
    }
}

fn end_of(close: ClientClose) -> ConnectionEnd {
    match close {
        ClientClose::Client => ConnectionEnd::Close,
        ClientClose::Server => ConnectionEnd::AwaitClose,
        ClientClose::Reset => ConnectionEnd::Reset,
        ClientClose::Hold => ConnectionEnd::Hold,
    }
}

/// A client that waits for the server to close sends a request even where none was asked for: a server closes after its reply, and
/// one that has not been asked anything waits. Only where the other end is to close does the request say `Connection: close`, so that
/// the FIN comes first from where the scenario says.
fn request(spec: &ClientSpec, end: ConnectionEnd) -> Option<PlannedRequest> {
    let (head, body, write) = match &spec.load {
        Load::Bulk { bytes, write, .. } => {
            let write = usize::try_from(write.0).unwrap_or(usize::MAX).max(1);
            (http::post(bytes.0), bytes.0, write)
        }
        Load::Flood { .. } => return None,
        Load::Loop { .. } => (http::get(end == ConnectionEnd::Reuse), 0, 1),
        Load::Connect { .. } | Load::Hold { .. } => {
            if !spec.exchange && end != ConnectionEnd::AwaitClose {
                return None;
            }
            (http::get(end != ConnectionEnd::AwaitClose), 0, 1)
        }
    };
    Some(PlannedRequest { head, body, write })
}
