//! A way for processes of one program and user to find each other that ends with the process: abstract sockets
//! (unix(7)).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicU32, Ordering};

/// Announces this process as long as the value exists, to all processes in the same network namespace.
#[derive(Debug)]
pub struct Presence {
    _known: UnixDatagram,
}

impl Presence {
    /// Announces this process as one of a kind.
    ///
    /// # Errors
    /// The errors of bind(2).
    pub fn announce(kind: &str) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{kind}/{}-{number}", std::process::id());
        let address = SocketAddr::from_abstract_name(name)?;
        Ok(Self {
            _known: UnixDatagram::bind_addr(&address)?,
        })
    }
}

/// Counts the announcements of a kind by processes of this user. Anyone can bind a name, so a name counts only if the
/// process that it states exists and belongs to this user.
///
/// # Errors
/// `/proc` is not mounted.
pub fn present(kind: &str) -> io::Result<usize> {
    let sockets = fs::read_to_string("/proc/thread-self/net/unix")?;
    // The name of an abstract socket begins with a zero byte, shown as `@`.
    let before = format!(" @{kind}/");
    let names = sockets
        .lines()
        .filter_map(|line| Some(line.split_once(&before)?.1.trim()));
    let mut counted: BTreeSet<&str> = BTreeSet::new();
    counted.extend(names.filter(|name| {
        let process = name
            .split_once('-')
            .and_then(|(process, _)| process.parse().ok());
        process.is_some_and(is_own)
    }));
    Ok(counted.len())
}

/// Returns true if a process belongs to this user.
fn is_own(process: u32) -> bool {
    let owner = fs::metadata(format!("/proc/{process}"));
    owner.is_ok_and(|owner| owner.uid() == nix::unistd::geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced_processes_are_counted_until_they_go() {
        let kind = format!("presence-test-{}", std::process::id());
        assert_eq!(present(&kind).unwrap(), 0);
        let one = Presence::announce(&kind).unwrap();
        let two = Presence::announce(&kind).unwrap();
        assert_eq!(present(&kind).unwrap(), 2);
        drop(one);
        assert_eq!(present(&kind).unwrap(), 1);
        drop(two);
        assert_eq!(present(&kind).unwrap(), 0);
    }

    #[test]
    fn a_name_without_a_process_of_this_user_does_not_count() {
        let kind = format!("presence-forged-{}", std::process::id());
        // The greatest process id of Linux is 2^22 (proc_sys_kernel(5), `pid_max`).
        for name in ["4194305-0", "nobody", "-1"] {
            let address = SocketAddr::from_abstract_name(format!("{kind}/{name}")).unwrap();
            let _bound = UnixDatagram::bind_addr(&address).unwrap();
            assert_eq!(present(&kind).unwrap(), 0, "{name}");
        }
    }
}
