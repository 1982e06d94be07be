//! Errors of traffic: it cannot be started, or it has broken.

use std::io;

use super::socket_options::OptionError;
use crate::names::{ActorName, NodeName};

/// Traffic cannot be started, or has broken. Errors of connections are counted instead.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// The lab was built from another scenario.
    #[error("run `{actor}`: the lab has no node `{node}`")]
    NoNode {
        /// Name of the server, client or command.
        actor: ActorName,
        /// Name of the missing node.
        node: NodeName,
    },
    /// The program of a command is not installed.
    #[error("run `{actor}`: no program `{program}` on PATH{}", from_package(*.package))]
    NoProgram {
        /// Name of the command.
        actor: ActorName,
        /// Name of the program.
        program: String,
        /// Debian package that contains it, for well-known programs.
        package: Option<&'static str>,
    },
    /// This kernel lacks a socket option that a server or client sets.
    #[error("make `{actor}` ready on node `{node}`")]
    NoOption {
        /// Name of the server or client.
        actor: ActorName,
        /// Name of its node.
        node: NodeName,
        /// The option, with the error of the kernel.
        #[source]
        source: io::Error,
    },
    /// The lab could not get a descriptor or thread that it needs for itself.
    #[error("prepare traffic")]
    Prepare(#[source] io::Error),
    /// A server or client could not be made ready; for a server the cause is usually `listen(2)`.
    #[error("make `{actor}` ready on node `{node}`")]
    Actor {
        /// Name of the server, client or command.
        actor: ActorName,
        /// Name of its node.
        node: NodeName,
        /// Error of the kernel.
        #[source]
        source: io::Error,
    },
    /// A server, client or command stopped because of an error of the lab itself.
    #[error("keep `{actor}` running")]
    Broken {
        /// Name of the server, client or command.
        actor: ActorName,
        /// Error of the kernel.
        #[source]
        source: io::Error,
    },
}

impl TrafficError {
    /// Returns the error of a server or client that could not be made ready.
    pub(super) fn not_ready(actor: &ActorName, node: &NodeName, source: io::Error) -> Self {
        let (actor, node) = (actor.clone(), node.clone());
        let option = source.get_ref();
        let option = option.and_then(|error| error.downcast_ref::<OptionError>());
        if option.is_some_and(OptionError::is_unsupported) {
            return Self::NoOption {
                actor,
                node,
                source,
            };
        }
        Self::Actor {
            actor,
            node,
            source,
        }
    }

    /// Returns true if the run is *not applicable* on this machine rather than an error.
    pub fn is_not_applicable(&self) -> bool {
        matches!(self, Self::NoProgram { .. } | Self::NoOption { .. })
    }
}

fn from_package(package: Option<&str>) -> String {
    package.map_or_else(String::new, |package| {
        format!(" (Debian: apt install {package})")
    })
}
