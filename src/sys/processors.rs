//! The time that all processes together have kept the processors busy.

use std::io;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

/// Returns the time that processes have run on all processors since the boot, including what the host of a virtual
/// machine took (`steal`). The kernel's work on packets is left out, because it is nobody's (proc_stat(5), the line
/// `cpu`).
///
/// # Errors
/// `/proc` is not mounted.
pub fn busy() -> io::Result<Duration> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let ticks = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100);
    let ticks = u32::try_from(ticks).unwrap_or(100).max(1);
    let hundredths: u64 = fields(&text).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Duration::from_secs(hundredths) / ticks)
}

/// Adds up `user`, `nice`, `system` and `steal`.
fn fields(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let numbers: Vec<u64> = line
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let [user, nice, system, ..] = numbers.as_slice() else {
        return None;
    };
    let steal = numbers.get(7).copied().unwrap_or_default();
    Some(user + nice + system + steal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_and_work_on_packets_do_not_count() {
        assert_eq!(
            fields("cpu  10 20 30 4000 500 60 70 8 9 9\ncpu0 1 1 1\n"),
            Some(68)
        );
        assert_eq!(fields("intr 5\n"), None);
        assert!(busy().unwrap() > Duration::ZERO);
    }
}
