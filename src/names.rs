//! Names that scenario, lab and record share. A name has no behaviour of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a text that the caller knows to be a valid name of this kind.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// A node of a topology, which is a network namespace.
    NodeName
}
name! {
    /// A server, a client or a command, which acts on a node. Names are unique among the three.
    ActorName
}
name! {
    /// A network interface, at most 15 bytes (`IFNAMSIZ` - 1, Linux `include/uapi/linux/if.h`).
    IfName
}
name! {
    /// A series of a record, spelled as in an expectation: `load.errors.EADDRNOTAVAIL`,
    /// `client.tcp.TIME_WAIT`, `server.TcpExtListenDrops`, `ab.exit`, `kernel.log`.
    SeriesName
}

/// Returns the numbers in the name of a kernel's release, by which kernels are ordered: 6, 1, 0 and 56 in
/// `6.1.0-56-cloud-amd64`.
pub(crate) fn release_numbers(release: &str) -> Vec<u64> {
    let numbers = release.split(|c: char| !c.is_ascii_digit());
    numbers.filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_ordered_by_the_numbers_of_their_releases() {
        let mut kernels = [
            "6.12.117+deb12-cloud-amd64",
            "4.4.0-21-generic",
            "6.1.0-56-cloud-amd64",
            "5.10.0",
        ];
        kernels.sort_by_key(|kernel| release_numbers(kernel));
        let expected = [
            "4.4.0-21-generic",
            "5.10.0",
            "6.1.0-56-cloud-amd64",
            "6.12.117+deb12-cloud-amd64",
        ];
        assert_eq!(kernels, expected);
    }
}
