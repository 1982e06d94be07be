//! Waits until released namespaces are gone: the kernel removes them in a worker thread, which would run during
//! the next measurement.

use std::time::{Duration, Instant};

/// Returns the number of network namespaces, if slabinfo(5) shows it.
pub(crate) fn namespaces() -> Option<u64> {
    let slabs = std::fs::read_to_string("/proc/slabinfo").ok()?;
    let line = slabs
        .lines()
        .find_map(|line| line.strip_prefix("net_namespace "))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Waits until as many are left as before. Others may come and go, so the wait is bounded.
pub(crate) fn until(before: Option<u64>) {
    let deadline = Instant::now() + Duration::from_secs(2);
    while namespaces() > before && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
}
