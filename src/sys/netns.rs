//! A network namespace that exists through a descriptor and the threads in it, without a name on disk.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns, unshare};

use super::sched;

/// A network namespace. It disappears with the last clone, thread and socket in it.
#[derive(Debug, Clone)]
pub struct NetNs {
    file: Arc<File>,
}

/// A new namespace with the result of the work in it.
pub type Created<T> = io::Result<(NetNs, T)>;

impl NetNs {
    /// Creates a namespace (`CLONE_NEWNET`, namespaces(7)). This needs CAP_SYS_ADMIN in the current user namespace.
    ///
    /// # Errors
    /// EPERM without the privilege; ENOSPC if `user.max_net_namespaces` is reached.
    pub fn create() -> io::Result<Self> {
        let (sender, inbox) = mpsc::sync_channel(1);
        let thread = Self::create_each(vec![|| ()], move |made| {
            let _nobody_waits = sender.send(made);
        })?;
        let made = inbox.recv();
        // Its end is part of the creation: until then, the thread is in the namespace.
        let _panicked = thread.join();
        match made {
            Ok(made) => Ok(made?.0),
            Err(_) => Err(io::Error::other(
                "the thread that creates a namespace panicked",
            )),
        }
    }

    /// Creates namespaces one after the other, and runs a short closure in each. A single thread, visible to nobody
    /// else, does all of it and ends afterwards. It is the only thread that changes namespaces: with a thread for
    /// each namespace, every one would cost a context switch, which takes milliseconds on a busy machine.
    ///
    /// The thread passes each namespace to `deliver`, up to the first that cannot be created; the rest are not tried.
    ///
    /// # Errors
    /// The thread cannot be created.
    pub fn create_each<W, T>(
        works: Vec<W>,
        mut deliver: impl FnMut(Created<T>) + Send + 'static,
    ) -> io::Result<JoinHandle<()>>
    where
        W: FnOnce() -> T + Send + 'static,
    {
        std::thread::Builder::new()
            .name("netns".to_owned())
            .spawn(move || {
                for work in works {
                    let made = unshare(CloneFlags::CLONE_NEWNET)
                        .map_err(io::Error::from)
                        .and_then(|()| Self::current())
                        .map(|netns| (netns, work()));
                    let failed = made.is_err();
                    deliver(made);
                    if failed {
                        break;
                    }
                }
            })
    }

    /// Returns the namespace of the calling thread.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn current() -> io::Result<Self> {
        Ok(Self {
            file: Arc::new(File::open("/proc/thread-self/ns/net")?),
        })
    }

    /// Returns the kernel's number of the namespace, as in `net:[4026531840]`, in `lsns` and in
    /// `table full in netns`.
    ///
    /// # Errors
    /// The errors of fstat(2).
    pub fn inode(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.ino())
    }

    /// Makes the calling thread enter the namespace. Only for a thread that opens the sockets of many namespaces and
    /// does nothing else that depends on its namespace.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN in the namespace's user namespace.
    pub fn enter(&self) -> io::Result<()> {
        Ok(setns(self.as_fd(), CloneFlags::CLONE_NEWNET)?)
    }

    /// Starts a thread that enters the namespace first and stays in it.
    ///
    /// # Errors
    /// The thread cannot be created. If it cannot enter the namespace, the join returns the error.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<io::Result<T>>> {
        let namespace = self.clone();
        std::thread::Builder::new()
            .name(name.chars().take(15).collect())
            .spawn(move || {
                setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET)?;
                // The work may give its thread a descriptor table of its own, which does not contain this descriptor.
                drop(namespace);
                Ok(work())
            })
    }

    /// Runs a short closure in the namespace and waits for it.
    ///
    /// # Errors
    /// The thread cannot be created or cannot enter the namespace.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let before_others = sched::runs_before_others();
        let work = move || {
            if before_others {
                let _ordinary_where_not_permitted = sched::run_before_others();
            }
            work()
        };
        self.spawn("netns-run", work)?
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("a thread in a namespace panicked")))
    }
}

/// Takes an open file of a namespace, such as `/proc/PID/ns/net`.
impl From<File> for NetNs {
    fn from(file: File) -> Self {
        Self {
            file: Arc::new(file),
        }
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
