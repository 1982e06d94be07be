//! Pools of connections that carry requests one after the other.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units;

/// A pool of connections, of a client or of a proxy toward the server behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectionPool {
    /// Most connections: of a client, all of them; of a proxy, the idle ones that it keeps.
    pub size: u32,
    /// Time after which an idle connection is closed.
    #[serde(with = "units::duration")]
    pub idle: Duration,
    /// The idle connection that is used next.
    pub order: PoolOrder,
    /// True if an idle connection is looked at before it is used, and replaced if its peer has closed it.
    pub check: bool,
}

/// The idle connection that a pool uses next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolOrder {
    /// The one that has been idle for the shortest time. The others stay idle, and expire.
    #[default]
    Lifo,
    /// The one that has been idle for the longest time, so that all are used in turn.
    Fifo,
}
