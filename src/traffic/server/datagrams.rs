//! A UDP server: one thread, one socket. It reads datagrams in the order of the receive buffer, and answers each as the
//! scenario says: with a copy, with a number of bytes, after a delay, or not at all.
//!
//! Datagrams that it does not read in time fill the receive buffer, and the kernel drops those that follow
//! (`UdpRcvbufErrors`).

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::metrics::queries::{RECEIVED, REPLIES, SERVER_BYTES, SERVER_CPU};
use crate::record::{Offset, RunClock};
use crate::scenario::workload::{Accept, Answer, ServerSpec};
use crate::sys::readiness::{Epoll, Interest, ReadinessSet};
use crate::sys::timer::{Alarm, thread_cpu_time};
use crate::sys::wake::StopFlag;
use crate::traffic::actor_metrics::ActorMetrics;

/// The longest datagram: 16 bits of length (RFC 768).
const LONGEST: usize = 65_536;
/// Consecutive reads before delayed answers are sent.
const READS_IN_A_ROW: usize = 64;
/// The bit of a DNS header that distinguishes an answer from a question (`QR`, RFC 1035, section 4.1.1).
const IS_ANSWER: u8 = 0x80;

const SOCKET: u64 = 0;
const STOP: u64 = 1;
const ALARM: u64 = 2;

/// The state of the server.
pub(super) struct DatagramServer<'a> {
    socket: UdpSocket,
    answer: Answer,
    length: usize,
    /// Delay of each answer.
    after: Duration,
    /// Pause before each read, if the scenario has one.
    pause: Option<Duration>,
    metrics: &'a ActorMetrics,
    stop: &'a StopFlag,
    clock: RunClock,
    epoll: Epoll,
    alarm: Alarm,
    /// Time at which the socket is watched again; `None` while it is watched.
    read_at: Option<Offset>,
    /// Answers that wait for their time, in order, because all have the same delay.
    waiting: VecDeque<(Offset, SocketAddr, Vec<u8>)>,
}

/// Serves on a bound socket until the stop flag is raised.
pub(super) fn run(
    spec: &ServerSpec,
    socket: socket2::Socket,
    metrics: &Arc<ActorMetrics>,
    stop: &Arc<StopFlag>,
) -> io::Result<()> {
    let pause = match spec.accept {
        Accept::Never => {
            stop.wait();
            return Ok(());
        }
        Accept::Delay(pause) => Some(pause),
        Accept::Epoll
        | Accept::UntilEmfile
        | Accept::Pool { .. }
        | Accept::Select
        | Accept::Poll => None,
    };
    let clock = RunClock::starting_at(Instant::now());
    let server = DatagramServer {
        socket: socket.into(),
        answer: spec.answer,
        length: usize::try_from(spec.reply.0).unwrap_or(LONGEST),
        after: spec.reply_pace.after,
        pause,
        metrics,
        stop,
        clock,
        epoll: Epoll::new()?,
        alarm: Alarm::new(clock.instant(Offset::ZERO))?,
        read_at: None,
        waiting: VecDeque::new(),
    };
    server.serve()
}

impl DatagramServer<'_> {
    fn serve(mut self) -> io::Result<()> {
        let (stop, alarm) = (
            self.stop.as_fd().as_raw_fd(),
            self.alarm.as_fd().as_raw_fd(),
        );
        self.epoll.watch(stop, STOP, Interest::Read)?;
        self.epoll.watch(alarm, ALARM, Interest::Read)?;
        match self.pause {
            Some(pause) => self.read_at = Some(self.after(pause)),
            None => self.watch()?,
        }
        let mut buffer = vec![0; LONGEST];
        let mut ready = Vec::new();
        while !self.stop.is_raised() {
            self.arm()?;
            ready.clear();
            self.epoll.wait(&mut ready)?;
            for token in ready.drain(..) {
                match token {
                    SOCKET => self.read(&mut buffer),
                    ALARM => self.alarm_fired()?,
                    _stopped => {}
                }
            }
        }
        let cpu = thread_cpu_time().unwrap_or_default();
        let cpu = i64::try_from(cpu.as_nanos()).unwrap_or(i64::MAX);
        self.metrics
            .update(self.metrics.now(), |counts| counts.add(&SERVER_CPU, cpu));
        Ok(())
    }

    fn watch(&mut self) -> io::Result<()> {
        self.read_at = None;
        self.epoll
            .watch(self.socket.as_raw_fd(), SOCKET, Interest::Read)
    }

    fn after(&self, pause: Duration) -> Offset {
        Offset::from_duration(self.clock.now().as_duration() + pause)
    }

    fn read(&mut self, buffer: &mut [u8]) {
        let in_a_row = if self.pause.is_some() {
            1
        } else {
            READS_IN_A_ROW
        };
        for _ in 0..in_a_row {
            match self.socket.recv_from(buffer) {
                Ok((length, from)) => self.received(&buffer[..length], from),
                Err(error) => match error.raw_os_error().unwrap_or(libc::EIO) {
                    libc::EAGAIN => return,
                    libc::EINTR => {}
                    errno => self.count_error(errno),
                },
            }
        }
        if let Some(pause) = self.pause {
            self.epoll.unwatch(self.socket.as_raw_fd());
            self.read_at = Some(self.after(pause));
        }
    }

    fn received(&mut self, query: &[u8], from: SocketAddr) {
        self.metrics.update(self.metrics.now(), |counts| {
            counts.add(&RECEIVED, 1);
            counts.add(
                &SERVER_BYTES,
                i64::try_from(query.len()).unwrap_or(i64::MAX),
            );
        });
        let answer = match self.answer {
            Answer::Never => return,
            Answer::Echo => query.to_vec(),
            Answer::Bytes => answer(query, self.length),
        };
        if self.after.is_zero() {
            self.send(&answer, from);
        } else {
            let due = self.after(self.after);
            self.waiting.push_back((due, from, answer));
        }
    }

    fn send(&self, answer: &[u8], to: SocketAddr) {
        match self.socket.send_to(answer, to) {
            Ok(length) => self.metrics.update(self.metrics.now(), |counts| {
                counts.add(&REPLIES, 1);
                counts.add(&SERVER_BYTES, i64::try_from(length).unwrap_or(i64::MAX));
            }),
            Err(error) => self.count_error(error.raw_os_error().unwrap_or(libc::EIO)),
        }
    }

    fn count_error(&self, errno: i32) {
        self.metrics
            .update(self.metrics.now(), |counts| counts.error(errno));
    }

    fn alarm_fired(&mut self) -> io::Result<()> {
        self.alarm.unset()?;
        let now = self.clock.now();
        while let Some((due, ..)) = self.waiting.front()
            && *due <= now
        {
            if let Some((_, to, answer)) = self.waiting.pop_front() {
                self.send(&answer, to);
            }
        }
        if self.read_at.is_some_and(|at| at <= now) {
            self.watch()?;
        }
        Ok(())
    }

    /// Sets the alarm to the next due time.
    fn arm(&self) -> io::Result<()> {
        let answer = self.waiting.front().map(|(due, ..)| *due);
        match answer.into_iter().chain(self.read_at).min() {
            Some(due) => self.alarm.set(due.as_duration()),
            None => Ok(()),
        }
    }
}

/// Returns an answer of this length that begins like its query, so that the client can match them.
fn answer(query: &[u8], length: usize) -> Vec<u8> {
    let mut answer = query[..query.len().min(length)].to_vec();
    if let Some(flags) = answer.get_mut(2) {
        *flags |= IS_ANSWER;
    }
    answer.resize(length, 0);
    answer
}
