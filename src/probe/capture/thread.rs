//! The thread that empties the rings and writes the file.

use std::io::{self, BufWriter, Write};
use std::thread::Builder;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::sorter::Waiting;
use super::{CaptureSummary, DescribedEnd, SNAP};
use crate::record::{CaptureHeader, CaptureWriter, CapturedPacket, Offset, RunClock};
use crate::sys::packet_ring::{PacketRing, RETIRE};
use crate::sys::wake::StopFlag;

/// The interval at which rings are read. The kernel hands blocks over no more often than it retires them.
const LOOK: Duration = RETIRE;
/// The time for which a packet is held so that older ones of other rings can arrive: a block is handed over
/// within twice `RETIRE` and found within one interval.
const HOLD: Duration = Duration::from_millis(4 * 20);
/// The longest wait at the end for packets that the kernel has counted and not handed over; far longer than needed.
const PATIENCE: Duration = Duration::from_secs(1);
/// The size of the write buffer.
const BUFFER: usize = 256 * 1024;
/// Bytes of the file that are reserved for its end: the statistics of an interface take about 80.
const END: u64 = 128;
/// Threads that close rings. More would only help in the largest labs.
const CLOSING: usize = 16;
/// Deviation of the wall clock from the run's clock that does not count as setting it, as a fraction of the time
/// passed: adjtimex(2) slews by 1/2000 at most.
const SLEW: f64 = 0.001;
/// The deviation that is always ignored: the time that reading two clocks may take on a busy machine.
const UNSURE: Duration = Duration::from_millis(50);

/// The state of the thread.
pub(super) struct CaptureThread {
    run: String,
    ends: Vec<DescribedEnd>,
    rings: Vec<PacketRing>,
    limit: u64,
    waiting: Waiting,
    summary: CaptureSummary,
}

/// The reason why nothing more is written.
enum Full {
    Limit,
    File(io::Error),
}

impl From<io::Error> for Full {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl CaptureThread {
    pub(super) fn new(
        run: String,
        ends: Vec<DescribedEnd>,
        rings: Vec<PacketRing>,
        limit: u64,
    ) -> Self {
        let limit = limit.saturating_sub(END * ends.len() as u64);
        Self {
            run,
            ends,
            rings,
            limit,
            waiting: Waiting::default(),
            summary: CaptureSummary::default(),
        }
    }

    /// Writes until it is stopped or the file is full.
    pub(super) fn run(
        mut self,
        clock: RunClock,
        stop: &StopFlag,
        sink: impl Write,
    ) -> CaptureSummary {
        let zero = wall_at_zero(clock);
        if let Err(error) = self.write(zero, stop, sink) {
            self.summary.broken = Some(error);
        }
        self.summary.clock_set = clock_set(zero, clock);
        close(self.rings);
        self.summary
    }

    fn write(&mut self, zero: u64, stop: &StopFlag, sink: impl Write) -> io::Result<()> {
        let header = CaptureHeader {
            run: std::mem::take(&mut self.run),
            clock_zero: zero,
            snap: SNAP,
            interfaces: std::mem::take(&mut self.ends),
        };
        let output = BufWriter::with_capacity(BUFFER, sink);
        let mut writer = CaptureWriter::begin(output, &header)?;
        writer.flush()?;
        let filled = match self.follow(&mut writer, stop) {
            Ok(()) => self.take_last(&mut writer),
            full => full,
        };
        let bound = match filled {
            Ok(()) => None,
            Err(Full::Limit) => {
                self.summary.truncated = true;
                Some("the file has reached its maximum size")
            }
            Err(Full::File(error)) => return Err(error),
        };
        let end = wall();
        for (number, ring) in self.rings.iter_mut().enumerate() {
            let counted = ring.count()?;
            self.summary.dropped += counted[1];
            writer.statistics(number, end, counted, bound)?;
        }
        writer.flush()
    }

    /// Writes arriving packets until it is stopped.
    fn follow(
        &mut self,
        writer: &mut CaptureWriter<impl Write>,
        stop: &StopFlag,
    ) -> Result<(), Full> {
        while !stop.wait_until(Instant::now() + LOOK) {
            let before = wall().saturating_sub(HOLD.as_nanos() as u64);
            self.take();
            self.release(before, writer)?;
        }
        Ok(())
    }

    /// Stops capturing and writes the remaining packets.
    fn take_last(&mut self, writer: &mut CaptureWriter<impl Write>) -> Result<(), Full> {
        for ring in &self.rings {
            ring.stop_receiving()?;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            for ring in &mut self.rings {
                ring.count()?;
            }
            self.take();
            if self.rings.iter().all(PacketRing::is_drained) || Instant::now() > deadline {
                break;
            }
            std::thread::sleep(LOOK);
        }
        self.release(u64::MAX, writer)
    }

    fn take(&mut self) {
        for (number, ring) in self.rings.iter_mut().enumerate() {
            ring.take(|packet| self.waiting.add(number, packet));
        }
    }

    fn release(&mut self, before: u64, writer: &mut CaptureWriter<impl Write>) -> Result<(), Full> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (limit, packets) = (self.limit, &mut self.summary.packets);
        let released = self.waiting.release(before, |packet| {
            if writer.written() + bytes_of(&packet) > limit {
                return Err(Full::Limit);
            }
            writer.packet(&packet)?;
            *packets += 1;
            Ok(())
        });
        // If the process is killed, the file is readable up to here.
        writer.flush()?;
        released
    }
}

/// Closes rings at the same time, so that they share the kernel's grace periods (`packet_release`, Linux
/// `net/packet/af_packet.c`).
fn close(rings: Vec<PacketRing>) {
    let share = rings.len().div_ceil(CLOSING);
    let mut rings = rings.into_iter().peekable();
    std::thread::scope(|scope| {
        while rings.peek().is_some() {
            let some: Vec<_> = rings.by_ref().take(share).collect();
            // If no thread can be created, they are closed here.
            let _one_by_one = Builder::new().spawn_scoped(scope, move || drop(some));
        }
    });
}

/// The most bytes that a packet adds to the file: the block's fixed fields (32), its flags (12) and padding.
fn bytes_of(packet: &CapturedPacket<'_>) -> u64 {
    packet.bytes.len() as u64 + 48
}

/// The wall clock in nanoseconds since 1970.
fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| Offset::from_duration(since).0)
}

/// Returns the wall clock at the zero of the run's clock, which may lie ahead.
fn wall_at_zero(clock: RunClock) -> u64 {
    let ahead = Offset::from_duration(clock.until(Offset::ZERO));
    (wall() + ahead.0).saturating_sub(clock.now().0)
}

/// Returns by how much the wall clock was set since it was compared with the run's clock.
fn clock_set(zero: u64, clock: RunClock) -> Option<Duration> {
    let by = Duration::from_nanos(wall_at_zero(clock).abs_diff(zero));
    let no_setting = UNSURE + clock.now().as_duration().mul_f64(SLEW);
    (by > no_setting).then_some(by)
}
