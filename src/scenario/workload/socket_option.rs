//! Socket options of servers and clients, by their kernel names.

use serde::{Deserialize, Serialize};

/// An option that is set on each socket of a server or client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketOption {
    /// The kernel's name: `TCP_USER_TIMEOUT`.
    pub name: String,
    /// The value as setsockopt(2) takes it.
    pub value: OptionValue,
}

/// A value of a socket option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OptionValue {
    /// An `int`; seconds for `SO_LINGER`.
    Number(i32),
    /// A name: `TCP_CONGESTION`.
    Text(String),
}

impl SocketOption {
    /// Returns true if an option of this name is on, if it is a switch.
    pub fn is_on(options: &[Self], name: &str) -> bool {
        let mut options = options.iter();
        options.any(|option| option.name == name && option.value == OptionValue::Number(1))
    }
}
