//! TCP exchanges over io_uring(7). Each exchange (socket, connect, send, receive until the end, close) is one
//! chain that the kernel runs by itself.
//!
//! A chain costs two completions and a share of one system call. Sockets are in the ring's own table
//! and need no descriptors.

#![expect(unsafe_code, reason = "submission entries carry pointers")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{DestinationSlot, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, opcode};
use socket2::SockAddr;

/// The steps of a chain, in order.
const SOCKET: u64 = 0;
const CONNECT: u64 = 1;
const SEND: u64 = 2;
const RECEIVE: u64 = 3;
const CLOSE: u64 = 4;
const CHAIN: usize = 5;
/// User data of completions that belong to no chain.
const WAKE: u64 = u64::MAX;
const CANCEL: u64 = u64::MAX - 1;
/// Maximum entries of the submission queue: an eighth of `IORING_MAX_ENTRIES`, 32,768 (Linux `io_uring/io_uring.c`).
const MAX_ENTRIES: u32 = 4_096;
/// Attempts to wait for cancelled exchanges before their buffers are leaked.
const CANCEL_ATTEMPTS: u32 = 100;

/// A ring of exchanges with the same target and request, each in a slot.
pub struct ExchangeRing {
    ring: IoUring,
    buffers: ExchangeBuffers,
    slots: Vec<ExchangeSlot>,
    busy: usize,
}

/// The memory that the kernel accesses while chains are running.
struct ExchangeBuffers {
    target: Box<SockAddr>,
    request: Vec<u8>,
    replies: Vec<u8>,
    /// Bytes of `replies` per slot.
    room: usize,
}

#[derive(Clone, Copy, Default)]
struct ExchangeSlot {
    busy: bool,
    /// The number of the slot's current chain, so that a late cancellation does not hit the next one.
    chain: u32,
    received: usize,
    failed: Option<(u64, i32)>,
}

/// An exchange that has ended: its connection is closed and its slot is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EndedExchange {
    pub slot: usize,
    pub connected: bool,
    /// The number of bytes received before the other end's FIN, or the errno of the step that failed.
    pub result: Result<usize, i32>,
}

impl ExchangeRing {
    /// Creates a ring with `slots` slots and `room` bytes for each reply. A wait ends when `wake` becomes readable.
    ///
    /// # Errors
    /// The errors of io_uring_setup(2): EPERM or ENOSYS if it is forbidden; EINVAL or ENOSYS before Linux 6.1.
    pub fn new(
        slots: u32,
        target: SockAddr,
        request: Vec<u8>,
        room: usize,
        wake: BorrowedFd<'_>,
    ) -> io::Result<Self> {
        let entries = slots.saturating_mul(CHAIN as u32).next_power_of_two();
        let ring = IoUring::builder()
            // Processes around a program keep this process's memory as long as the program runs.
            .dontfork()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_cqsize(entries.clamp(64, MAX_ENTRIES) * 2)
            .build(entries.clamp(64, MAX_ENTRIES))?;
        if !ring.params().is_feature_linked_file()
            || !ring.params().is_feature_skip_cqe_on_success()
        {
            return Err(io::ErrorKind::Unsupported.into());
        }
        ring.submitter().register_files_sparse(slots)?;
        let mut this = Self {
            ring,
            buffers: ExchangeBuffers {
                target: Box::new(target),
                request,
                replies: vec![0; room * slots as usize],
                room,
            },
            slots: vec![ExchangeSlot::default(); slots as usize],
            busy: 0,
        };
        let fd = io_uring::types::Fd(wake.as_raw_fd());
        let watch = opcode::PollAdd::new(fd, libc::POLLIN as u32).build();
        this.push(&[watch.user_data(WAKE)])?;
        Ok(this)
    }

    /// Queues an exchange in a free slot; the next wait submits it.
    ///
    /// # Errors
    /// EBUSY if the slot is not free; the errors of io_uring_enter(2).
    pub fn start(&mut self, slot: usize) -> io::Result<()> {
        let slot_state = &mut self.slots[slot];
        if slot_state.busy {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        *slot_state = ExchangeSlot {
            busy: true,
            chain: slot_state.chain.wrapping_add(1),
            ..ExchangeSlot::default()
        };
        let (mark, index) = (mark(slot, slot_state.chain), slot as u32);
        let quiet = Flags::IO_LINK | Flags::SKIP_SUCCESS;
        let ExchangeBuffers {
            target,
            request,
            replies,
            room,
        } = &mut self.buffers;
        let family = i32::from(target.family());
        let into = DestinationSlot::try_from_slot_target(index);
        let into = into.map_err(|_| io::ErrorKind::InvalidInput)?;
        let reply = &mut replies[slot * *room..(slot + 1) * *room];
        let chain = [
            opcode::Socket::new(family, libc::SOCK_STREAM, libc::IPPROTO_TCP)
                .file_index(Some(into))
                .build()
                .flags(quiet)
                .user_data(mark | SOCKET),
            opcode::Connect::new(Fixed(index), target.as_ptr().cast(), target.len())
                .build()
                .flags(quiet)
                .user_data(mark | CONNECT),
            opcode::Send::new(Fixed(index), request.as_ptr(), request.len() as u32)
                .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
                .build()
                .flags(quiet)
                .user_data(mark | SEND),
            // The other end's FIN comes before the buffer is full, which counts as an error; a
            // hard link continues nevertheless.
            opcode::Recv::new(Fixed(index), reply.as_mut_ptr(), reply.len() as u32)
                .flags(libc::MSG_WAITALL)
                .build()
                .flags(Flags::IO_HARDLINK)
                .user_data(mark | RECEIVE),
            close(slot, mark),
        ];
        self.push(&chain)?;
        self.busy += 1;
        Ok(())
    }

    /// Makes the exchange in a slot end as soon as possible, with ECANCELED.
    ///
    /// # Errors
    /// The errors of io_uring_enter(2).
    pub fn cancel(&mut self, slot: usize) -> io::Result<()> {
        let mark = mark(slot, self.slots[slot].chain);
        for step in [CONNECT, SEND, RECEIVE] {
            let cancel = opcode::AsyncCancel::new(mark | step).build();
            self.push(&[cancel.user_data(CANCEL)])?;
        }
        Ok(())
    }

    /// Submits the queue and waits until an exchange ends, `wake` is readable, or the time is up.
    /// Adds exchanges that ended.
    ///
    /// # Errors
    /// The errors of io_uring_enter(2), except EINTR.
    pub fn wait(
        &mut self,
        at_most: Option<Duration>,
        ended: &mut Vec<EndedExchange>,
    ) -> io::Result<()> {
        let waited = match at_most {
            None => self.ring.submit_and_wait(1),
            Some(at_most) => {
                let time = Timespec::from(at_most);
                let args = SubmitArgs::new().timespec(&time);
                self.ring.submitter().submit_with_args(1, &args)
            }
        };
        match waited.map_err(|error| (error.raw_os_error(), error)) {
            Ok(_) | Err((Some(libc::EINTR | libc::ETIME | libc::EBUSY), _)) => {}
            Err((_, error)) => return Err(error),
        }
        let mut to_close = Vec::new();
        let completions: Vec<_> = self.ring.completion().collect();
        for completion in completions {
            let user_data = completion.user_data();
            if user_data == WAKE || user_data == CANCEL {
                continue;
            }
            let (slot, chain, step) = parts(user_data);
            let Some(slot_state) = self
                .slots
                .get_mut(slot)
                .filter(|slot_state| slot_state.chain == chain)
            else {
                continue;
            };
            match (step, completion.result()) {
                (RECEIVE, received) if received >= 0 => slot_state.received = received as usize,
                (RECEIVE, error) => slot_state.failed = Some((RECEIVE, -error)),
                // If a step without a completion for success fails, the rest of its chain is cancelled
                // silently (`req_set_fail`, Linux `io_uring/io_uring.h`). The step's own completion is the
                // only one, and the socket still has to be closed.
                (CONNECT | SEND, error) if error < 0 => {
                    slot_state.failed = Some((step, -error));
                    to_close.push(slot);
                }
                (SOCKET, error) if error < 0 => {
                    slot_state.failed = Some((SOCKET, -error));
                    ended.push(self.end(slot));
                }
                (CLOSE, _) => ended.push(self.end(slot)),
                _ => {}
            }
        }
        for slot in to_close {
            self.push(&[close(slot, mark(slot, self.slots[slot].chain))])?;
        }
        Ok(())
    }

    fn end(&mut self, slot: usize) -> EndedExchange {
        self.busy -= 1;
        let slot_state = &mut self.slots[slot];
        slot_state.busy = false;
        EndedExchange {
            slot,
            connected: slot_state.failed.is_none_or(|(step, _)| step > CONNECT),
            result: slot_state
                .failed
                .map_or(Ok(slot_state.received), |(_, errno)| Err(errno)),
        }
    }

    /// Returns the reply to the last exchange of a free slot; empty while the slot is busy.
    pub fn reply(&self, slot: usize) -> &[u8] {
        let slot_state = &self.slots[slot];
        if slot_state.busy {
            return &[];
        }
        let start = slot * self.buffers.room;
        &self.buffers.replies[start..start + slot_state.received.min(self.buffers.room)]
    }

    /// Queues entries together, because links do not extend from one submission to the next.
    fn push(&mut self, entries: &[Entry]) -> io::Result<()> {
        let queue = self.ring.submission();
        let free = queue.capacity() - queue.len();
        drop(queue);
        if free < entries.len() {
            self.ring.submit()?;
        }
        // SAFETY: the entries point into `buffers`, which outlives them: see `drop`.
        unsafe { self.ring.submission().push_multiple(entries) }
            .map_err(|_| io::Error::from(io::ErrorKind::ResourceBusy))
    }
}

impl Drop for ExchangeRing {
    /// Waits until the kernel no longer holds any pointer.
    fn drop(&mut self) {
        let mut ended = Vec::new();
        for _ in 0..CANCEL_ATTEMPTS {
            if self.busy == 0 {
                return;
            }
            for slot in 0..self.slots.len() {
                if self.slots[slot].busy {
                    let _tried_again = self.cancel(slot);
                }
            }
            let _tried_again = self.wait(Some(Duration::from_millis(10)), &mut ended);
        }
        // It is better to leak the memory than to let the kernel write to it after it was reused.
        std::mem::forget(std::mem::take(&mut self.buffers.replies));
        std::mem::forget(std::mem::take(&mut self.buffers.request));
        let target = SockAddr::from(std::net::SocketAddr::from(([0, 0, 0, 0], 0)));
        std::mem::forget(std::mem::replace(
            &mut self.buffers.target,
            Box::new(target),
        ));
    }
}

impl std::fmt::Debug for ExchangeRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangeRing")
            .field("slots", &self.slots.len())
            .field("busy", &self.busy)
            .finish_non_exhaustive()
    }
}

fn close(slot: usize, mark: u64) -> Entry {
    let close = opcode::Close::new(Fixed(slot as u32)).build();
    close.user_data(mark | CLOSE)
}

/// Builds the user data of a chain: 29 bits of slot, 32 of chain, 3 of step.
fn mark(slot: usize, chain: u32) -> u64 {
    ((slot as u64) << 35) | (u64::from(chain) << 3)
}

fn parts(mark: u64) -> (usize, u32, u64) {
    ((mark >> 35) as usize, (mark >> 3) as u32, mark & 7)
}
