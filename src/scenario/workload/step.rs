//! Timed steps: changes to the lab and to its actors while the clock runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::names::{ActorName, NodeName};
use crate::scenario::place::Place;
use crate::scenario::topology::{Impairment, NatSpec};
use crate::units;

/// An action at a given time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSpec {
    /// Time from the start of the clock.
    #[serde(with = "units::duration")]
    pub at: Duration,
    /// The change that is made.
    pub action: StepAction,
    /// The place in the scenario file that defines it.
    pub place: Place,
}

/// A change that a step makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StepAction {
    /// Takes a link down or brings it up.
    LinkState {
        /// The link, as an index into [`crate::scenario::topology::Topology::links`].
        link: usize,
        /// True to bring it up.
        up: bool,
    },
    /// Changes the impairment of a link.
    LinkImpair {
        /// The link, as an index into [`crate::scenario::topology::Topology::links`].
        link: usize,
        /// The complete impairment from now on.
        impairment: Impairment,
    },
    /// Writes a sysctl of a node.
    Sysctl {
        /// The node whose namespace has the sysctl.
        node: NodeName,
        /// The key, with dots between its parts.
        key: String,
        /// The value as written to `/proc/sys`.
        value: String,
    },
    /// Stops a server, client or command.
    Stop {
        /// The actor to stop.
        actor: ActorName,
        /// The way in which it stops.
        #[serde(default)]
        how: StopHow,
    },
    /// Starts a server that was stopped before.
    Start {
        /// The server to start.
        actor: ActorName,
    },
    /// Makes a node disappear silently: none of its links carries anything any more.
    Vanish {
        /// The node that disappears.
        node: NodeName,
    },
    /// Cuts a node off, ends everything on it, and makes it forget its connections, as if its power were lost.
    PowerOff {
        /// The node that stops.
        node: NodeName,
    },
    /// Connects a node that was stopped, and starts its servers.
    PowerOn {
        /// The node that starts.
        node: NodeName,
    },
    /// Empties the connection tracking table of a node.
    FlushConntrack {
        /// The node that has the table.
        node: NodeName,
    },
    /// Replaces all destination translations of a node. Connections that are tracked already keep theirs.
    Dnat {
        /// The node that translates.
        node: NodeName,
        /// Its translations from then on, each a `Dnat`.
        nat: Vec<NatSpec>,
    },
}

/// The packets that the peers of a stopped actor receive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopHow {
    /// The packets of a killed process: FIN, or RST if something was left
    /// unread or not accepted.
    #[default]
    Fin,
    /// RST on every connection (`SO_LINGER` with 0).
    Reset,
    /// Nothing, because its node vanishes first.
    Vanish,
}
