//! Ways for processes of one program to find each other that end with the process: abstract sockets
//! (unix(7)), and locks on the program's own file (flock(2)).

use std::fs::{self, File};
use std::io;
use std::os::linux::net::SocketAddrExt;
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

/// Counts the announced processes of a kind.
///
/// # Errors
/// `/proc` is not mounted.
pub fn present(kind: &str) -> io::Result<usize> {
    let sockets = fs::read_to_string("/proc/thread-self/net/unix")?;
    // The name of an abstract socket begins with a zero byte, shown as `@`.
    let name = format!(" @{kind}/");
    Ok(sockets.lines().filter(|line| line.contains(&name)).count())
}

/// Opens the program's own file for locking. Each open file has a lock of its own.
///
/// # Errors
/// The errors of open(2).
pub fn own_program() -> io::Result<File> {
    File::open("/proc/self/exe")
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
    fn a_shared_lock_on_the_program_excludes_an_exclusive_one() {
        let [mine, others] = [own_program().unwrap(), own_program().unwrap()];
        mine.try_lock_shared().unwrap();
        others.try_lock_shared().unwrap();
        assert!(mine.try_lock().is_err());
        drop(others);
        mine.try_lock().unwrap();
        assert!(own_program().unwrap().try_lock_shared().is_err());
    }
}
