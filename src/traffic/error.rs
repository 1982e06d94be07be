//! Why traffic cannot be made.

use std::io;

use crate::names::{ActorName, NodeName};

/// Why traffic cannot be made. What clients and servers then meet is no error but what is counted.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// The lab was built from another scenario.
    #[error("run `{actor}`: the lab has no node `{node}`")]
    NoNode {
        /// Who was to run there.
        actor: ActorName,
        /// Where.
        node: NodeName,
    },
    /// A command's program is not installed.
    #[error("run `{actor}`: there is no program `{program}` on PATH{}", from_package(*.package))]
    NoProgram {
        /// The command.
        actor: ActorName,
        /// The program.
        program: String,
        /// Debian's package that has it, where it is one of the well-known ones.
        package: Option<&'static str>,
    },
    /// A descriptor or a thread that the lab itself needs cannot be had.
    #[error("prepare traffic")]
    Prepare(#[source] io::Error),
    /// A server or client could not be made ready on its node; for a server most often `listen(2)`.
    #[error("make `{actor}` ready on node `{node}`")]
    Actor {
        /// Which.
        actor: ActorName,
        /// Where.
        node: NodeName,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// A server, client or command stopped because of an error that is not what the lab is there to observe.
    #[error("keep `{actor}` running")]
    Broken {
        /// Which.
        actor: ActorName,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
}

impl TrafficError {
    /// Whether the run is *not applicable* on this machine, and not an error.
    pub fn is_not_applicable(&self) -> bool {
        matches!(self, Self::NoProgram { .. })
    }
}

fn from_package(package: Option<&str>) -> String {
    package.map_or_else(String::new, |package| {
        format!(" (Debian: apt install {package})")
    })
}
