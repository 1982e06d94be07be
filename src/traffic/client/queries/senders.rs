//! Threads that send the queries of a lookup at the same moment, so that several processors handle them.
//!
//! One thread that sends two datagrams sends them one after the other: on the way through the lab's namespaces, the
//! kernel has handled the first before `send(2)` returns.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::sched;

/// The longest wait for the others. A thread that a busy machine starts later than that sends late.
const PATIENCE: Duration = Duration::from_millis(20);

/// A datagram to send.
#[derive(Debug)]
struct OutgoingQuery {
    socket: Arc<UdpSocket>,
    bytes: Vec<u8>,
    place: usize,
    round: u64,
}

/// The threads beside that of the engine. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Senders {
    jobs: Vec<Sender<OutgoingQuery>>,
    sent: Receiver<(usize, io::Result<usize>)>,
    gate: Arc<Gate>,
    round: u64,
}

/// The point at which the threads wait for each other. They spin, because waking a thread takes longer than a datagram
/// needs to pass a router.
#[derive(Debug, Default)]
struct Gate {
    arrivals: AtomicU64,
    open: AtomicU64,
}

impl Gate {
    fn pass(&self, round: u64) {
        self.arrivals.fetch_add(1, Ordering::AcqRel);
        let _opens_in_any_case = spin_until(|| self.open.load(Ordering::Acquire) >= round);
    }
}

impl Senders {
    /// Starts threads for lookups of `at_once` queries. They share the descriptors of the calling thread.
    pub(super) fn start(at_once: u32) -> io::Result<Self> {
        let (sender, sent) = mpsc::channel();
        let gate = Arc::new(Gate::default());
        let mut jobs = Vec::new();
        for _ in 1..at_once {
            let (job, given) = mpsc::channel();
            let (gate, sender) = (Arc::clone(&gate), sender.clone());
            thread::Builder::new()
                .name("queries".to_owned())
                .spawn(move || serve(&given, &gate, &sender))?;
            jobs.push(job);
        }
        Ok(Self {
            jobs,
            sent,
            gate,
            round: 0,
        })
    }

    /// Sends one datagram from each thread, and returns the results in the order of the datagrams.
    pub(super) fn send(
        &mut self,
        socket: &Arc<UdpSocket>,
        datagrams: Vec<Vec<u8>>,
    ) -> Vec<io::Result<usize>> {
        let fail = || Err(io::Error::from_raw_os_error(libc::EAGAIN));
        let mut results: Vec<_> = datagrams.iter().map(|_| fail()).collect();
        self.round += 1;
        let others = self.jobs.len() as u64;
        let expected = self.gate.arrivals.load(Ordering::Acquire) + others;
        let mut datagrams = datagrams.into_iter();
        let own = datagrams.next();
        for ((place, bytes), job) in (1..).zip(datagrams).zip(&self.jobs) {
            let _has_not_ended = job.send(OutgoingQuery {
                socket: Arc::clone(socket),
                bytes,
                place,
                round: self.round,
            });
        }
        let gate = &self.gate;
        let _late = spin_until(|| gate.arrivals.load(Ordering::Acquire) >= expected);
        gate.open.store(self.round, Ordering::Release);
        if let Some(bytes) = own {
            results[0] = socket.send(&bytes);
        }
        for _ in 1..results.len() {
            // The threads end only when this is dropped.
            if let Ok((place, result)) = self.sent.recv() {
                results[place] = result;
            }
        }
        results
    }
}

/// The body of a thread.
fn serve(given: &Receiver<OutgoingQuery>, gate: &Gate, sent: &Sender<(usize, io::Result<usize>)>) {
    // Without permission, it may begin late, and the queries are then not sent at the same moment.
    let _ordinary = sched::run_before_others();
    while let Ok(job) = given.recv() {
        gate.pass(job.round);
        let result = job.socket.send(&job.bytes);
        if sent.send((job.place, result)).is_err() {
            return;
        }
    }
}

/// Returns false if the condition was not met in time.
fn spin_until(condition: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        // On a machine with one processor, the others need it.
        thread::yield_now();
    }
    true
}
