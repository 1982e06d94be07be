//! What a client's engine goes by: a `ClientSpec` with its load model taken apart.

use std::net::IpAddr;
use std::time::Duration;

use socket2::SockAddr;

use crate::record::Offset;
use crate::scenario::workload::{ClientClose, ClientSpec, Load, PortChoice, Starts};
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
        let end = match &spec.load {
            Load::Connect { close, .. } => end_of(*close),
            Load::Hold { .. } | Load::Flood { .. } => ConnectionEnd::Hold,
            Load::Loop {
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
            nodelay: matches!(spec.load, Load::Bulk { nodelay: true, .. }),
            end,
            hold_for: spec.load.hold_for(),
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
