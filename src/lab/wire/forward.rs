//! The thread of a wire: receives frames at one end and sends them at the other when they are due.
//!
//! Not here: decisions about frames. Those are made by `faults` (single segments), `direction` (delay, loss,
//! rate), `tw_recycle` and `host_clock` (emulation).

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use super::direction::LinkDirection;
use super::faults::{Faults, ReleasedFrame};
use super::host_clock::HostClock;
use super::priority::Priority;
use super::recycle::RecycleVerdict;
use super::segment::{Segment, is_upkeep};
use super::tw_recycle::TwRecycle;
use super::{WireEnd, counters::WireCounters};
use crate::record::{Offset, Recorder, RunClock};
use crate::scenario::fault::FaultSpec;
use crate::scenario::topology::Impairment;
use crate::sys::packet::{Frames, PacketSocket};
use crate::sys::timer::Alarm;

/// A command from the handle of a wire to its thread.
#[derive(Debug)]
pub(super) enum WireCommand {
    /// Starts impairment, emulation and recording.
    Begin(RunClock, Recorder),
    SetImpairment(Impairment),
    /// Lets nothing pass from now on.
    Cut,
    /// Lets packets pass again.
    Mend,
    Stop,
}

/// A command with a channel that is dropped when the command has been carried out.
#[derive(Debug)]
pub(super) struct WireRequest {
    pub(super) send: WireCommand,
    pub(super) done: Sender<()>,
}

/// The state of a wire's thread. Arrays are indexed by the end at which packets arrive, unless
/// their docs say otherwise.
#[derive(Debug)]
pub(super) struct WireForwarder {
    sockets: [PacketSocket; 2],
    directions: [LinkDirection; 2],
    /// The emulation of the node that each end leads to.
    recycles: [Option<TwRecycle>; 2],
    /// The timestamp clock of the node that each end leads to.
    clocks: [Option<HostClock>; 2],
    frames: Frames,
    faults: Option<Faults>,
    cut: bool,
    /// The zero of all packet times.
    origin: Instant,
    alarm: Alarm,
    /// The time that the alarm is set to.
    alarm_at: Option<Duration>,
    inbox: Receiver<WireRequest>,
    wakeup: Arc<EventFd>,
    begun: bool,
    priority: Priority,
    counters: WireCounters,
}

impl WireForwarder {
    /// Creates the state of a wire that has not begun.
    pub(super) fn new(
        sockets: [PacketSocket; 2],
        ends: [WireEnd; 2],
        (impairment, faults): (&Impairment, &[FaultSpec]),
        seed: u64,
        inbox: Receiver<WireRequest>,
        wakeup: Arc<EventFd>,
    ) -> io::Result<Self> {
        let counters = WireCounters::new(&ends[0].node, &ends[1].node);
        let origin = Instant::now();
        Ok(Self {
            sockets,
            directions: [0, 1].map(|direction| LinkDirection::new(impairment, seed, direction)),
            clocks: [ends[0].clock, ends[1].clock],
            recycles: ends.map(|end| end.recycle),
            frames: Frames::new(),
            faults: Faults::new(faults),
            cut: false,
            origin,
            alarm: Alarm::new(origin)?,
            alarm_at: None,
            inbox,
            wakeup,
            begun: false,
            priority: Priority::none(),
            counters,
        })
    }

    /// Forwards frames until the handle stops it.
    pub(super) fn run(mut self) -> io::Result<()> {
        loop {
            let [readable, woken] = self.wait()?;
            if woken != 0 && !self.handle_requests() {
                self.counters.count_unread(&self.sockets);
                self.record_changes();
                return Ok(());
            }
            for end in [0, 1] {
                if readable & (1 << end) != 0 {
                    self.receive_from(end, Instant::now());
                }
            }
            self.admit_due(Instant::now());
            for end in [0, 1] {
                self.release(end, Instant::now());
            }
            self.record_changes();
            self.set_alarm()?;
            self.priority.review();
        }
    }

    fn record_changes(&mut self) {
        self.counters.record_changes();
        if let Some(faults) = &mut self.faults {
            faults.record_changes();
        }
    }

    /// Sets the alarm to the time of the next frame that leaves or that a fault releases.
    fn set_alarm(&mut self) -> io::Result<()> {
        let next = self.directions.iter().filter_map(LinkDirection::next_due);
        let pending = self.faults.as_ref().and_then(Faults::next_due);
        let next = next.chain(pending).min();
        if next != self.alarm_at {
            match next {
                Some(leaves) => self.alarm.set(leaves)?,
                None => self.alarm.unset()?,
            }
            self.alarm_at = next;
        }
        Ok(())
    }

    /// Waits for frames, the alarm or a request. Returns the ends that have frames, as bits, and whether
    /// there is a request.
    fn wait(&self) -> io::Result<[u8; 2]> {
        let watch = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut watched = [
            watch(self.sockets[0].as_fd()),
            watch(self.sockets[1].as_fd()),
            watch(self.wakeup.as_fd()),
            watch(self.alarm.as_fd()),
        ];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = |index: usize| u8::from(watched[index].any().unwrap_or(false));
        Ok([ready(0) | ready(1) << 1, ready(2)])
    }

    /// Carries out the requests of the handle; `false` if one of them is to stop.
    fn handle_requests(&mut self) -> bool {
        let _rung_since = self.wakeup.read();
        while let Ok(WireRequest { send, done }) = self.inbox.try_recv() {
            match send {
                WireCommand::Begin(clock, recorder) => {
                    for recycle in self.recycles.iter().flatten() {
                        recycle.begin(clock, &recorder);
                    }
                    if let Some(faults) = &mut self.faults {
                        let zero = clock.instant(Offset::ZERO);
                        let zero = zero.saturating_duration_since(self.origin);
                        faults.begin(zero, clock, recorder.clone());
                    }
                    self.counters.begin(clock, recorder);
                    self.priority.take();
                    self.begun = true;
                }
                WireCommand::SetImpairment(impairment) => {
                    for direction in &mut self.directions {
                        direction.set_impairment(&impairment);
                    }
                }
                WireCommand::Cut => {
                    self.cut = true;
                    self.directions.iter_mut().for_each(LinkDirection::clear);
                }
                WireCommand::Mend => self.cut = false,
                WireCommand::Stop => return false,
            }
            drop(done);
        }
        true
    }

    /// Receives one batch at an end. Frames that nothing delays leave at the other end at once, without a copy.
    fn receive_from(&mut self, end: usize, now: Instant) {
        let out = 1 - end;
        let elapsed = now.saturating_duration_since(self.origin);
        if self.sockets[end].receive(&mut self.frames).is_err() {
            // The interface went down, or the kernel cannot express the offload state of a frame.
            self.counters.dropped += 1;
        }
        let follows = self.begun && self.recycles.iter().any(Option::is_some);
        let mut passing = Vec::new();
        let mut released = Vec::new();
        for frame in self.frames.iter_mut() {
            if let Some(clock) = &self.clocks[end] {
                clock.sent(frame);
            }
            let segment = follows.then(|| Segment::of_frame(frame)).flatten();
            if let Some(clock) = &self.clocks[out] {
                clock.received(frame);
            }
            let frame: &[u8] = frame;
            // Neighbours can still resolve the address, as if a router stood in front of a vanished host.
            if self.cut && !is_upkeep(frame) {
                self.counters.cut += 1;
                continue;
            }
            if let (Some(recycle), Some(segment)) = (&self.recycles[end], &segment) {
                recycle.sent(segment, now);
            }
            if let (Some(faults), true) = (&mut self.faults, self.begun) {
                released.extend(faults.arrived(end, frame, elapsed));
                continue;
            }
            if !self.begun || !self.directions[end].holds_up() {
                if is_admitted(&self.recycles[out], segment.as_ref(), now) {
                    passing.push(frame);
                }
                continue;
            }
            self.directions[end].admit(frame, segment, elapsed, &mut self.counters);
        }
        self.counters.dropped += self.sockets[out].send(&passing) as u64;
        self.admit_frames(released, elapsed);
        if self.frames.is_full() {
            self.counters.count_unread(&self.sockets);
        }
    }

    /// Accepts the frames that faults have delayed until now, or create now.
    fn admit_due(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.origin);
        let due = self.faults.as_mut().map(|faults| faults.due(elapsed));
        self.admit_frames(due.unwrap_or_default(), elapsed);
    }

    fn admit_frames(&mut self, released: Vec<ReleasedFrame>, elapsed: Duration) {
        let follows = self.recycles.iter().any(Option::is_some);
        for (end, frame) in released {
            if self.cut {
                self.counters.cut += 1;
                continue;
            }
            let segment = follows.then(|| Segment::of_frame(&frame)).flatten();
            self.directions[end].admit(&frame, segment, elapsed, &mut self.counters);
        }
    }

    /// Sends the frames that arrived at an end and are due.
    fn release(&mut self, end: usize, now: Instant) {
        let out = 1 - end;
        let elapsed = now.saturating_duration_since(self.origin);
        let due = self.directions[end].take_due(elapsed, &mut self.counters);
        let leaving: Vec<&[u8]> = due
            .iter()
            .filter(|due| is_admitted(&self.recycles[out], due.segment.as_ref(), now))
            .map(|due| &*due.frame)
            .collect();
        for frame in &leaving {
            if let Some(faults) = &mut self.faults {
                faults.left(end, frame);
            }
        }
        self.counters.dropped += self.sockets[out].send(&leaving) as u64;
    }
}

/// Returns whether the emulation of the node at the far end accepts a packet.
fn is_admitted(recycle: &Option<TwRecycle>, segment: Option<&Segment>, now: Instant) -> bool {
    match (recycle, segment) {
        (Some(recycle), Some(segment)) => recycle.received(segment, now) == RecycleVerdict::Pass,
        _ => true,
    }
}
