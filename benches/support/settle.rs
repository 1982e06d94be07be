//! Waiting until what was let go of is gone: the kernel clears namespaces away in a worker, which would run beside what is measured
//! next.

use std::time::{Duration, Instant};

/// How many network namespaces there are, where slabinfo(5) tells.
pub(crate) fn namespaces() -> Option<u64> {
    let slabs = std::fs::read_to_string("/proc/slabinfo").ok()?;
    let line = slabs
        .lines()
        .find_map(|line| line.strip_prefix("net_namespace "))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Waits until as many are left as before. Others may come and go, so not for ever.
pub(crate) fn until(before: Option<u64>) {
    let deadline = Instant::now() + Duration::from_secs(2);
    while namespaces() > before && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
}
