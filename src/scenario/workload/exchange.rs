//! The steps that a client goes through on a connection.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{self, ByteCount};

/// A step of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExchangeStep {
    /// Sends a request with a body of this length.
    Send(ByteCount),
    /// Waits for the reply to the last request.
    Reply {
        /// Time after which the connection has failed with ETIMEDOUT.
        #[serde(with = "units::duration")]
        timeout: Duration,
    },
    /// Does nothing, and reads nothing.
    Pause(#[serde(with = "units::duration")] Duration),
}

impl ExchangeStep {
    /// Returns the longest time that the step takes; sending is bounded by the timeout of the load.
    pub fn longest(&self) -> Duration {
        match self {
            Self::Send(_) => Duration::ZERO,
            Self::Reply { timeout } => *timeout,
            Self::Pause(time) => *time,
        }
    }
}
