//! Places in the queue for a processor: the calling thread's, and what waiting there has cost.

use std::fs;
use std::io;
use std::time::Duration;

use nix::errno::Errno;

/// Puts the calling thread into `SCHED_FIFO` at the lowest priority, 1 (sched(7)): it runs before every ordinary thread, so it must
/// block most of the time. Threads and processes that it starts are ordinary again.
///
/// # Errors
/// EPERM without CAP_SYS_NICE and with `RLIMIT_RTPRIO` 0.
#[expect(unsafe_code, reason = "sched_setscheduler(2) is not in nix")]
pub fn run_before_others() -> nix::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: 0 is the calling thread; the pointer is to a local that lives for the length of the call.
    Errno::result(unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) }).map(drop)
}

/// Makes the calling thread an ordinary one again (`SCHED_OTHER`).
///
/// # Errors
/// Never, as far as sched_setscheduler(2) says: it only gives something up.
#[expect(unsafe_code, reason = "sched_setscheduler(2) is not in nix")]
pub fn run_with_others() -> nix::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread; the pointer is to a local that lives for the length of the call.
    Errno::result(unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters) })
        .map(drop)
}

/// What every thread that this process now has had of the processors, together: how long they ran, how long they were
/// ready to run and waited, and how many turns they had (`/proc/PID/task/TID/schedstat`, Linux
/// `Documentation/scheduler/sched-stats.rst`).
///
/// # Errors
/// ENOENT on kernels without CONFIG_SCHED_INFO.
pub fn processor_time() -> io::Result<(Duration, Duration, u64)> {
    let mut sums = [0; 3];
    for task in fs::read_dir("/proc/self/task")? {
        // A thread may end between the listing and the reading.
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
