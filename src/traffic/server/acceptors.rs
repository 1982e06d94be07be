//! Several threads behind one listener, for more connections than one descriptor table holds. When the table of the
//! accepting thread is full, a thread with a table of its own takes over the listener. Only one thread accepts at a
//! time, from one queue, as a single process would.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use socket2::Socket;

use super::ServerShared;
use super::event_loop::EventLoop;
use crate::sys::fdtable;
use crate::sys::readiness::Epoll;

/// Maximum number of threads: enough for 2.5 million connections with a limit of 20,000 descriptors.
const MAX_ACCEPTORS: usize = 128;

/// The state shared by the acceptors of a server.
pub(super) struct AcceptorGroup {
    shared: Arc<ServerShared>,
    listener: Arc<Socket>,
    accepting: AtomicUsize,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    tables: Vec<Arc<TableUsage>>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// The usage of an acceptor's descriptor table.
#[derive(Default)]
struct TableUsage {
    open: AtomicUsize,
    /// Number of connections at which its table was full, once that has happened.
    full_at: AtomicUsize,
    /// True if the thread has ended.
    ended: AtomicBool,
}

/// One acceptor, with access to the others.
pub(super) struct Acceptor {
    group: Arc<AcceptorGroup>,
    index: usize,
    table: Arc<TableUsage>,
}

impl AcceptorGroup {
    pub(super) fn new(shared: &Arc<ServerShared>, listener: &Arc<Socket>) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(shared),
            listener: Arc::clone(listener),
            accepting: AtomicUsize::new(0),
            members: Mutex::default(),
        })
    }

    /// Runs the first acceptor on the calling thread, and waits for those started later.
    pub(super) fn run(self: &Arc<Self>) -> io::Result<()> {
        let first = self.enlist();
        let mut result = first.run();
        loop {
            let threads = std::mem::take(&mut self.lock().threads);
            if threads.is_empty() {
                return result;
            }
            for thread in threads {
                let panicked = |_| Err(io::Error::other("a thread of a server panicked"));
                result = result.and(thread.join().unwrap_or_else(panicked));
            }
        }
    }

    fn enlist(self: &Arc<Self>) -> Acceptor {
        let table = Arc::<TableUsage>::default();
        let mut members = self.lock();
        members.tables.push(Arc::clone(&table));
        Acceptor {
            group: Arc::clone(self),
            index: members.tables.len() - 1,
            table,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Acceptor {
    fn run(&self) -> io::Result<()> {
        let (shared, listener) = (&self.group.shared, &self.group.listener);
        let event_loop = EventLoop::new(shared, listener, Epoll::new()?, None, Some(self))?;
        let result = event_loop.run(Epoll::watch_edge);
        self.table.ended.store(true, Ordering::SeqCst);
        result
    }

    /// Returns true if this acceptor is the one that accepts.
    pub(super) fn is_accepting(&self) -> bool {
        self.group.accepting.load(Ordering::SeqCst) == self.index
    }

    /// Updates its number of open connections.
    pub(super) fn set_open(&self, count: usize) {
        self.table.open.store(count, Ordering::Relaxed);
    }

    /// Hands the listener over because this table is full. Returns false if no other acceptor has room or can be
    /// started.
    pub(super) fn hand_over(&self) -> bool {
        let full_at = self.table.open.load(Ordering::Relaxed);
        self.table.full_at.store(full_at.max(1), Ordering::Relaxed);
        let with_room = self
            .group
            .lock()
            .tables
            .iter()
            .position(|table| table.has_room());
        let next = match with_room {
            Some(index) => index,
            None => match self.start_another() {
                Ok(index) => index,
                Err(_) => return false,
            },
        };
        self.group.accepting.store(next, Ordering::SeqCst);
        self.group.shared.stop.ring();
        true
    }

    /// Starts an acceptor on a thread that begins with this one's table and so has the listener.
    fn start_another(&self) -> io::Result<usize> {
        if self.group.lock().tables.len() >= MAX_ACCEPTORS {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let acceptor = self.group.enlist();
        let index = acceptor.index;
        let (listener, stop) = (
            Arc::clone(&self.group.listener),
            Arc::clone(&self.group.shared.stop),
        );
        let spawned = std::thread::Builder::new()
            .name("server-acceptor".to_owned())
            .spawn(move || {
                fdtable::unshare_keeping(&[listener.as_fd(), stop.as_fd()])?;
                acceptor.run()
            });
        let mut members = self.group.lock();
        match spawned {
            Ok(thread) => members.threads.push(thread),
            Err(error) => {
                members.tables[index].ended.store(true, Ordering::SeqCst);
                return Err(error);
            }
        }
        Ok(index)
    }
}

impl TableUsage {
    /// Returns true if a tenth of its table has become free since it was full. A table that was never full belongs to
    /// the acceptor that is accepting, so it does not count.
    fn has_room(&self) -> bool {
        let full_at = self.full_at.load(Ordering::Relaxed);
        let open = self.open.load(Ordering::Relaxed);
        !self.ended.load(Ordering::SeqCst) && full_at > 0 && open < full_at - full_at / 10
    }
}
