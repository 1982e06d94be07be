//! Processor scheduling: the calling thread's policy, and the time that threads ran and waited.

use std::fs;
use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

/// Switches the calling thread to `SCHED_FIFO` at the lowest priority, 1 (sched(7)). It then runs before every
/// ordinary thread, so it must block most of the time. Threads and processes that it starts are ordinary again.
///
/// # Errors
/// EPERM without CAP_SYS_NICE and with `RLIMIT_RTPRIO` 0.
#[expect(unsafe_code, reason = "sched_setscheduler(2) is not in nix")]
pub fn run_before_others() -> nix::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: 0 is the calling thread; the pointer refers to a local that outlives the call.
    Errno::result(unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) }).map(drop)
}

/// Switches the calling thread back to `SCHED_OTHER`. Threads that it starts stay ordinary: without CAP_SYS_NICE, this
/// cannot be undone (`user_check_sched_setscheduler`, Linux 6.18 `kernel/sched/syscalls.c`).
///
/// # Errors
/// None, according to sched_setscheduler(2), since this gives up a privilege.
#[expect(unsafe_code, reason = "sched_setscheduler(2) is not in nix")]
pub fn run_with_others() -> nix::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    let policy = libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK;
    // SAFETY: 0 is the calling thread; the pointer refers to a local that outlives the call.
    Errno::result(unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) }).map(drop)
}

/// Returns true if the calling thread runs before others.
#[expect(unsafe_code, reason = "sched_getscheduler(2) is not in nix")]
pub fn runs_before_others() -> bool {
    // SAFETY: no memory is passed; 0 is the calling thread.
    let policy = unsafe { libc::sched_getscheduler(0) };
    policy >= 0 && policy & !libc::SCHED_RESET_ON_FORK == libc::SCHED_FIFO
}

/// Returns the processor time of the calling thread (`CLOCK_THREAD_CPUTIME_ID`, clock_gettime(2)).
pub fn thread_time() -> Duration {
    // The clock exists since Linux 2.6.12; without it, what a thread does would count as free.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Returns the sums over the current threads of this process: time running, time ready but waiting, and
/// number of turns (`/proc/PID/task/TID/schedstat`, Linux `Documentation/scheduler/sched-stats.rst`).
///
/// # Errors
/// ENOENT on kernels without CONFIG_SCHED_INFO.
pub fn processor_time() -> io::Result<(Duration, Duration, u64)> {
    let mut sums = [0; 3];
    for task in fs::read_dir("/proc/self/task")? {
        // The thread may have ended since it was listed.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        for (sum, word) in sums.iter_mut().zip(text.split_ascii_whitespace()) {
            *sum += word.parse::<u64>().unwrap_or(0);
        }
    }
    let [ran, waited, turns] = sums;
    Ok((
        Duration::from_nanos(ran),
        Duration::from_nanos(waited),
        turns,
    ))
}
