//! The priority of a wire's thread over ordinary threads: a packet that waits for a processor is late.

use std::time::{Duration, Instant};

use crate::sys::sched;

/// The time between two looks at the use of the processor.
const LOOK: Duration = Duration::from_millis(50);
/// The share of a processor above which a wire carries a load that others must not wait for. A link of 100 Mbit/s takes
/// about half a processor.
const BUSY: f64 = 0.6;

/// The priority of the calling thread, which it keeps while it mostly waits.
#[derive(Debug)]
pub(super) struct Priority {
    held: bool,
    looked: Instant,
    ran: Duration,
}

impl Priority {
    /// Returns the state of a thread without priority.
    pub(super) fn none() -> Self {
        Self {
            held: false,
            looked: Instant::now(),
            ran: Duration::ZERO,
        }
    }

    /// Takes priority, if that is permitted.
    pub(super) fn take(&mut self) {
        self.held = sched::run_before_others().is_ok();
        self.looked = Instant::now();
        self.ran = sched::thread_time();
    }

    /// Gives up the priority for good if the thread was busy for most of the time since the last look.
    pub(super) fn review(&mut self) {
        if !self.held || self.looked.elapsed() < LOOK {
            return;
        }
        let ran = sched::thread_time();
        let share = (ran - self.ran).div_duration_f64(self.looked.elapsed());
        (self.looked, self.ran) = (Instant::now(), ran);
        if share > BUSY {
            let _cannot_fail = sched::run_with_others();
            self.held = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the scheduling policy of the calling thread: 0 is `SCHED_OTHER`, 1 is `SCHED_FIFO` (proc(5)).
    fn policy() -> u32 {
        let text = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, after_name) = text.rsplit_once(')').unwrap();
        // The first field after the name is the third of the line, and the policy is the 41st.
        let field = after_name.split_ascii_whitespace().nth(41 - 3);
        field.unwrap().parse().unwrap()
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    #[expect(clippy::print_stderr, reason = "says why the test is skipped")]
    fn kernel_a_thread_keeps_its_priority_while_it_mostly_waits() {
        let mut priority = Priority::none();
        priority.take();
        if !priority.held {
            eprintln!("skipped: this process may not take priority (CAP_SYS_NICE, RLIMIT_RTPRIO)");
            return;
        }
        assert_eq!(policy(), 1);
        std::thread::sleep(2 * LOOK);
        priority.review();
        assert_eq!(policy(), 1, "it waited");
        let began = sched::thread_time();
        while sched::thread_time() - began < 4 * LOOK {
            std::hint::spin_loop();
        }
        priority.review();
        assert_eq!(policy(), 0, "it was busy");
    }
}
