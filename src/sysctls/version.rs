//! The part of a kernel's version that decides which settings it has.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A release of Linux: `6.1` of `6.1.0-41-cloud-amd64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KernelVersion {
    /// The number before the first dot.
    pub major: u16,
    /// The number after the first dot.
    pub minor: u16,
}

/// A text that does not begin with a kernel's version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` does not begin with a kernel version such as 6.1")]
pub struct VersionError(String);

impl FromStr for KernelVersion {
    type Err = VersionError;

    /// Reads the first two numbers of a release as uname(2) prints it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut numbers = text.split(|letter: char| !letter.is_ascii_digit());
        let mut number = || numbers.next().and_then(|digits| digits.parse().ok());
        match (number(), number()) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(VersionError(text.chars().take(64).collect())),
        }
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_read_up_to_its_second_number() {
        let version = |text: &str| text.parse::<KernelVersion>();
        assert_eq!(version("6.1.0-41-cloud-amd64").unwrap().to_string(), "6.1");
        assert!(version("4.9.337").unwrap() < version("4.12").unwrap());
        for wrong in ["", "6", "v6.1", "6.x", "99999.1"] {
            assert!(version(wrong).is_err(), "{wrong}");
        }
    }
}
