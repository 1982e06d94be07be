//! The plan of a client's load: a `ClientSpec` with its load model resolved.

use std::net::IpAddr;
use std::time::Duration;

use socket2::SockAddr;

use crate::record::Offset;
use crate::scenario::workload::{
    ClientClose, ClientSpec, ConnectionPool, ExchangeStep, Load, PortChoice, SocketOption, Starts,
};
use crate::traffic::http;

/// The actions of every attempt of a client, and the schedule of attempts.
#[derive(Debug)]
pub(super) struct LoadPlan {
    pub(super) target: SockAddr,
    pub(super) target_ip: IpAddr,
    pub(super) sources: Vec<IpAddr>,
    pub(super) port: PortChoice,
    pub(super) so_keepalive: bool,
    pub(super) starts: Starts,
    /// Earliest time of the first start.
    pub(super) begin: Offset,
    /// Timeout of an attempt, from its start.
    pub(super) timeout: Duration,
    pub(super) request: Option<PlannedRequest>,
    /// The steps of an exchange on each connection; empty for other loads.
    pub(super) script: Vec<PlannedStep>,
    /// Pause of a loop's worker between a reply and its next request.
    pub(super) think: Duration,
    /// The pool that connections are taken from, if there is one.
    pub(super) pool: Option<ConnectionPool>,
    pub(super) options: Vec<SocketOption>,
    /// The attempts, from 1, whose connections are reported.
    pub(super) named: Vec<u64>,
    /// True if written data is sent at once (`TCP_NODELAY`).
    pub(super) nodelay: bool,
    pub(super) end: ConnectionEnd,
    /// Time to hold connections after the last attempt; `None` to hold them until the end of the run.
    pub(super) hold_for: Option<Duration>,
}

/// Bytes of a request's body that are written together with its head.
const SENT_WITH_HEAD: u64 = 64 * 1024;

/// A step of an exchange.
#[derive(Debug)]
pub(super) enum PlannedStep {
    Send(PlannedRequest),
    /// Wait for a reply, for this long at most.
    Reply(Duration),
    Pause(Duration),
}

/// A request, as it is written.
#[derive(Debug)]
pub(super) struct PlannedRequest {
    pub(super) head: Vec<u8>,
    /// Number of bytes after the head.
    pub(super) body: u64,
    /// Bytes per `write(2)` of the body.
    pub(super) write: usize,
}

/// The end of a connection whose attempt is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    /// The client sends a FIN.
    Close,
    /// The client sends a RST (`SO_LINGER` 0).
    Reset,
    /// The server sends a FIN, then the client.
    AwaitClose,
    /// As the reply announces: the server sends a FIN, or else the client does.
    AsAnnounced,
    /// The connection carries the next request, unless the reply announces a close.
    Reuse,
    /// The connection stays open until the client ends.
    Hold,
}

impl LoadPlan {
    pub(super) fn of(spec: &ClientSpec) -> Self {
        let end = match &spec.load {
            Load::Connect { close, .. } => end_of(*close),
            Load::Hold { .. } | Load::Flood { .. } | Load::Queries(_) => ConnectionEnd::Hold,
            Load::Exchange { .. } => ConnectionEnd::Close,
            Load::Requests { .. }
            | Load::Loop {
                keep_alive: true, ..
            } => ConnectionEnd::Reuse,
            Load::Loop { .. } | Load::Bulk { .. } => ConnectionEnd::AsAnnounced,
        };
        Self {
            target: spec.target.into(),
            target_ip: spec.target.ip(),
            sources: spec.sources.clone(),
            port: spec.port,
            so_keepalive: spec.so_keepalive,
            starts: spec.load.starts(),
            begin: Offset::from_duration(spec.start),
            timeout: spec.load.timeout().unwrap_or_default(),
            request: request(spec, end),
            script: script(&spec.load),
            think: match spec.load {
                Load::Loop { think, .. } => think,
                _ => Duration::ZERO,
            },
            pool: match &spec.load {
                Load::Requests { pool, .. } => Some(pool.clone()),
                _ => None,
            },
            options: spec.options.clone(),
            named: spec.named.clone(),
            nodelay: matches!(spec.load, Load::Bulk { nodelay: true, .. }),
            end,
            hold_for: spec.load.hold_for(),
        }
    }

    /// Returns true if an attempt is complete only with a reply.
    pub(super) fn exchanges(&self) -> bool {
        self.request.is_some() || !self.script.is_empty()
    }

    /// Returns true if connections stay open after their attempts.
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

/// A client that waits for the server to close sends a request even if the scenario has none, because a server closes
/// only after its reply. The request contains `Connection: close` only if the server is to close, so that the first FIN
/// comes from the end that the scenario names.
fn request(spec: &ClientSpec, end: ConnectionEnd) -> Option<PlannedRequest> {
    let (head, body, write) = match &spec.load {
        Load::Bulk { bytes, write, .. } => {
            let write = usize::try_from(write.0).unwrap_or(usize::MAX).max(1);
            (http::post(bytes.0, false), bytes.0, write)
        }
        Load::Flood { .. } | Load::Queries(_) | Load::Exchange { .. } => return None,
        Load::Loop { .. } | Load::Requests { .. } => (http::get(end == ConnectionEnd::Reuse), 0, 1),
        Load::Connect { .. } | Load::Hold { .. } => {
            if !spec.exchange && end != ConnectionEnd::AwaitClose {
                return None;
            }
            (http::get(end != ConnectionEnd::AwaitClose), 0, 1)
        }
    };
    Some(PlannedRequest { head, body, write })
}

/// Returns the steps of an exchange. Its connections stay open after each reply, and the client closes them at the end.
fn script(load: &Load) -> Vec<PlannedStep> {
    let Load::Exchange { steps, .. } = load else {
        return Vec::new();
    };
    let planned = |step: &ExchangeStep| match step {
        ExchangeStep::Send(bytes) => {
            // Head and body in one write, as programs send them: two would wait for an acknowledgement (Nagle).
            let with_head = bytes.0.min(SENT_WITH_HEAD);
            let mut head = http::post(bytes.0, true);
            head.resize(head.len() + usize::try_from(with_head).unwrap_or(0), b'x');
            PlannedStep::Send(PlannedRequest {
                head,
                body: bytes.0 - with_head,
                write: usize::MAX,
            })
        }
        ExchangeStep::Reply { timeout } => PlannedStep::Reply(*timeout),
        ExchangeStep::Pause(time) => PlannedStep::Pause(*time),
    };
    steps.iter().map(planned).collect()
}
