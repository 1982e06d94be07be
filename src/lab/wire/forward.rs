//! The thread of a wire: takes frames in at one end, lets them out at the other when their time has come.
//!
//! What becomes of a frame is decided elsewhere: `faults` (single segments), `lane` (delay, loss, rate), `tw_recycle` and `host_clock` (emulation).

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;

use super::faults::{Faults, Going};
use super::host_clock::HostClock;
use super::lane::Lane;
use super::recycle::Verdict;
use super::segment::{Segment, is_upkeep};
use super::tw_recycle::TwRecycle;
use super::{WireEnd, tally::Tally};
use crate::record::{Offset, Recorder, RunClock};
use crate::scenario::fault::FaultSpec;
use crate::scenario::topology::Impairment;
use crate::sys::packet::{Frames, PacketSocket};
use crate::sys::timer::Alarm;

/// What the handle of a wire tells its thread.
#[derive(Debug)]
pub(super) enum Command {
    /// The run begins.
    Begin(RunClock, Recorder),
    /// The impairment changes.
    Impair(Impairment),
    /// From now on nothing passes.
    Cut,
    /// The end.
    Stop,
}

/// A command, and where to say that it is carried out: by being dropped.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) command: Command,
    pub(super) done: Sender<()>,
}

/// Everything that the thread of a wire owns. What has a direction is numbered by the end that packets come in at.
#[derive(Debug)]
pub(super) struct Forwarder {
    sockets: [PacketSocket; 2],
    lanes: [Lane; 2],
    /// The emulation of the node that each end leads to.
    recycles: [Option<TwRecycle>; 2],
    /// The timestamp clock of the node that each end leads to.
    clocks: [Option<HostClock>; 2],
    frames: Frames,
    faults: Option<Faults>,
    /// Whether the cable is cut.
    cut: bool,
    /// What the times of packets count from.
    origin: Instant,
    alarm: Alarm,
    /// What the alarm is set to.
    alarm_at: Option<Duration>,
    inbox: Receiver<Order>,
    bell: Arc<EventFd>,
    begun: bool,
    tally: Tally,
}

impl Forwarder {
    /// A wire that has not begun.
    pub(super) fn new(
        sockets: [PacketSocket; 2],
        ends: [WireEnd; 2],
        (impairment, faults): (&Impairment, &[FaultSpec]),
        seed: u64,
        inbox: Receiver<Order>,
        bell: Arc<EventFd>,
    ) -> io::Result<Self> {
        let tally = Tally::new(&ends[0].node, &ends[1].node);
        let origin = Instant::now();
        Ok(Self {
            sockets,
            lanes: [0, 1].map(|direction| Lane::new(impairment, seed, direction)),
            clocks: [ends[0].clock, ends[1].clock],
            recycles: ends.map(|end| end.recycle),
            frames: Frames::new(),
            faults: Faults::new(faults),
            cut: false,
            origin,
            alarm: Alarm::new(origin)?,
            alarm_at: None,
            inbox,
            bell,
            begun: false,
            tally,
        })
    }

    /// Works until it is told to stop.
    pub(super) fn run(mut self) -> io::Result<()> {
        loop {
            let [came_in, bell_rang] = self.wait()?;
            if bell_rang != 0 && !self.obey() {
                self.tally.count_unread(&self.sockets);
                self.tell();
                return Ok(());
            }
            for end in [0, 1] {
                if came_in & (1 << end) != 0 {
                    self.take_in(end, Instant::now());
                }
            }
            self.let_in_what_is_due(Instant::now());
            for end in [0, 1] {
                self.let_out(end, Instant::now());
            }
            self.tell();
            self.set_alarm()?;
        }
    }

    fn tell(&mut self) {
        self.tally.tell();
        if let Some(faults) = &mut self.faults {
            faults.tell();
        }
    }

    /// Sets the alarm to the next departure, or the next that a fault lets in.
    fn set_alarm(&mut self) -> io::Result<()> {
        let next = self.lanes.iter().filter_map(Lane::next_due);
        let held = self.faults.as_ref().and_then(Faults::next_due);
        let next = next.chain(held).min();
        if next != self.alarm_at {
            match next {
                Some(leaves) => self.alarm.set(leaves)?,
                None => self.alarm.unset()?,
            }
            self.alarm_at = next;
        }
        Ok(())
    }

    /// Waits for frames, the next departure or the bell. Gives which ends have frames, as bits, and whether the bell rang.
    fn wait(&self) -> io::Result<[u8; 2]> {
        let watch = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut watched = [
            watch(self.sockets[0].as_fd()),
            watch(self.sockets[1].as_fd()),
            watch(self.bell.as_fd()),
            watch(self.alarm.as_fd()),
        ];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = |index: usize| u8::from(watched[index].any().unwrap_or(false));
        Ok([ready(0) | ready(1) << 1, ready(2)])
    }

    /// Carries out what the handle told; false once it is to stop.
    fn obey(&mut self) -> bool {
        let _rung_since = self.bell.read();
        while let Ok(Order { command, done }) = self.inbox.try_recv() {
            match command {
                Command::Begin(clock, recorder) => {
                    for recycle in self.recycles.iter().flatten() {
                        recycle.begin(clock, &recorder);
                    }
                    if let Some(faults) = &mut self.faults {
                        let zero = clock.instant(Offset::ZERO);
                        let zero = zero.saturating_duration_since(self.origin);
                        faults.begin(zero, clock, recorder.clone());
                    }
                    self.tally.begin(clock, recorder);
                    self.begun = true;
                }
                Command::Impair(impairment) => {
                    for lane in &mut self.lanes {
                        lane.set_impairment(&impairment);
                    }
                }
                Command::Cut => {
                    self.cut = true;
                    self.lanes.iter_mut().for_each(Lane::clear);
                }
                Command::Stop => return false,
            }
            drop(done);
        }
        true
    }

    /// Takes in one batch at an end. What nothing holds up goes out of the other end at once, without a copy.
    fn take_in(&mut self, end: usize, now: Instant) {
        let out = 1 - end;
        let elapsed = now.saturating_duration_since(self.origin);
        if self.sockets[end].receive(&mut self.frames).is_err() {
            // The interface went down, or a frame came whose offload state the kernel cannot put into words.
            self.tally.dropped += 1;
        }
        let follows = self.begun && self.recycles.iter().any(Option::is_some);
        let mut passing = Vec::new();
        let mut going = Vec::new();
        for frame in self.frames.iter_mut() {
            if let Some(clock) = &self.clocks[end] {
                clock.sent(frame);
            }
            let segment = follows.then(|| Segment::of_frame(frame)).flatten();
            if let Some(clock) = &self.clocks[out] {
                clock.received(frame);
            }
            let frame: &[u8] = frame;
            // Neighbours still find the address, as they would find that of a router in front of a host that is gone.
            if self.cut && !is_upkeep(frame) {
                self.tally.cut += 1;
                continue;
            }
            if let (Some(recycle), Some(segment)) = (&self.recycles[end], &segment) {
                recycle.sent(segment, now);
            }
            if let (Some(faults), true) = (&mut self.faults, self.begun) {
                going.extend(faults.arrived(end, frame, elapsed));
                continue;
            }
            if !self.begun || !self.lanes[end].holds_up() {
                if may_enter(&self.recycles[out], segment.as_ref(), now) {
                    passing.push(frame);
                }
                continue;
            }
            self.lanes[end].admit(frame, segment, elapsed, &mut self.tally);
        }
        self.tally.dropped += self.sockets[out].send(&passing) as u64;
        self.let_in(going, elapsed);
        if self.frames.is_full() {
            self.tally.count_unread(&self.sockets);
        }
    }

    /// Lets in what faults have held until now, or make now.
    fn let_in_what_is_due(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.origin);
        let due = self.faults.as_mut().map(|faults| faults.due(elapsed));
        self.let_in(due.unwrap_or_default(), elapsed);
    }

    fn let_in(&mut self, going: Vec<Going>, elapsed: Duration) {
        let follows = self.recycles.iter().any(Option::is_some);
        for (end, frame) in going {
            if self.cut {
                self.tally.cut += 1;
                continue;
            }
            let segment = follows.then(|| Segment::of_frame(&frame)).flatten();
            self.lanes[end].admit(&frame, segment, elapsed, &mut self.tally);
        }
    }

    /// Lets out what came in at an end and whose time has come.
    fn let_out(&mut self, end: usize, now: Instant) {
        let out = 1 - end;
        let elapsed = now.saturating_duration_since(self.origin);
        let due = self.lanes[end].take_due(elapsed, &mut self.tally);
        let leaving: Vec<&[u8]> = due
            .iter()
            .filter(|due| may_enter(&self.recycles[out], due.segment.as_ref(), now))
            .map(|due| &*due.frame)
            .collect();
        for frame in &leaving {
            if let Some(faults) = &mut self.faults {
                faults.left(end, frame);
            }
        }
        self.tally.dropped += self.sockets[out].send(&leaving) as u64;
    }
}

/// Whether the node at the far end lets a packet in.
fn may_enter(recycle: &Option<TwRecycle>, segment: Option<&Segment>, now: Instant) -> bool {
    match (recycle, segment) {
        (Some(recycle), Some(segment)) => recycle.received(segment, now) == Verdict::Pass,
        _ => true,
    }
}
