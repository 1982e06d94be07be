//! The resolved workload of a run: its servers, clients, commands and timed steps.

mod client;
mod command;
mod connection_pool;
mod exchange;
mod load;
mod privilege;
mod queries;
mod schedule;
mod server;
mod socket_option;
mod step;

pub use client::{ClientClose, ClientSpec, PortChoice};
pub use command::{CommandSpec, FILES};
pub use connection_pool::{ConnectionPool, PoolOrder};
pub use exchange::ExchangeStep;
pub use load::{Load, RequestRule, Starts};
pub use privilege::{Meaning, Privilege};
pub use queries::{QUERY_BYTES, Queries, QuerySockets};
pub use schedule::Schedule;
pub use server::{Accept, Answer, Forward, Protocol, ReplyPace, ServerClose, ServerSpec};
pub use socket_option::{OptionValue, SocketOption};
pub use step::{StepAction, StepSpec, StopHow};

use serde::{Deserialize, Serialize};

/// Everything that acts in a run. The actors are in the order of the file, the steps in order of time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Workload {
    pub servers: Vec<ServerSpec>,
    pub clients: Vec<ClientSpec>,
    pub commands: Vec<CommandSpec>,
    /// The timed actions on the lab and on its actors.
    pub steps: Vec<StepSpec>,
}
