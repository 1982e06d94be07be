//! The clock of TCP timestamps, which can be shifted for a socket before it connects (tcp(7), `TCP_TIMESTAMP`).
//!
//! Before Linux 4.10 all sockets of a kernel used one clock, in jiffies, in every namespace. Since then each pair
//! of addresses has a random offset, which replaces a socket's own (`tcp_v4_connect`, Linux `net/ipv4/tcp_ipv4.c`).

#![expect(
    unsafe_code,
    reason = "getsockopt(2) and setsockopt(2) options that socket2 does not wrap"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::utsname::uname;
use nix::time::{ClockId, clock_gettime};

/// The first release with an offset for each pair of addresses.
const OFFSETS_SINCE: (u32, u32) = (4, 10);
/// Possible rates of a kernel's clock, ticks per second (`CONFIG_HZ_*`, Linux 4.9 `kernel/Kconfig.hz`).
const RATES: [u32; 4] = [100, 250, 300, 1_000];
/// Jiffies start this many seconds before they overflow (`INITIAL_JIFFIES`, Linux `include/linux/jiffies.h`).
const BEFORE_OVERFLOW: f64 = 300.0;

/// A shift of the timestamps of sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpClockShift {
    /// Modulo 2^32.
    ticks: u32,
}

impl TcpClockShift {
    /// Creates a shift by seconds. Returns `None` if the kernel gives each pair of addresses an offset of its own.
    ///
    /// # Errors
    /// The kernel's clock cannot be read.
    pub fn by(seconds: i64) -> io::Result<Option<Self>> {
        let release = uname()?.release().to_string_lossy().into_owned();
        if numbers(&release) >= OFFSETS_SINCE {
            return Ok(None);
        }
        let socket = super::sockopt::tcp_socket(std::net::Ipv4Addr::LOCALHOST.into())?;
        let up = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
        let rate = rate(option(&socket, libc::TCP_TIMESTAMP)?, up);
        let ticks = seconds.wrapping_mul(i64::from(rate));
        Ok(Some(Self {
            ticks: ticks as u32,
        }))
    }

    /// Shifts the timestamps of a socket that has not connected yet. Needs CAP_NET_ADMIN in the namespace.
    ///
    /// # Errors
    /// EPERM without the capability, or if the socket has connected.
    pub fn apply(self, socket: &impl AsFd) -> io::Result<()> {
        set_option(socket, libc::TCP_REPAIR, 1)?;
        let now = option(socket, libc::TCP_TIMESTAMP)?;
        set_option(socket, libc::TCP_TIMESTAMP, now.wrapping_add(self.ticks))?;
        set_option(socket, libc::TCP_REPAIR, 0)
    }
}

/// Parses the major and minor number of a release; missing ones are 0.
fn numbers(release: &str) -> (u32, u32) {
    let numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut numbers = numbers.map_while(|digits| digits.parse().ok());
    let mut next = || numbers.next().unwrap_or_default();
    (next(), next())
}

/// Returns the rate of a clock that started with the kernel, from its value after some time.
fn rate(reads: u32, up: Duration) -> u32 {
    let seconds_off = |rate: &u32| {
        let expected = (up.as_secs_f64() - BEFORE_OVERFLOW) * f64::from(*rate);
        let off = reads.wrapping_sub(expected as i64 as u32).cast_signed();
        f64::from(off).abs() / f64::from(*rate)
    };
    let nearest = RATES
        .into_iter()
        .min_by(|a, b| seconds_off(a).total_cmp(&seconds_off(b)));
    nearest.unwrap_or(RATES[0])
}

fn set_option(socket: &impl AsFd, option: libc::c_int, value: u32) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    let length = size_of::<u32>() as libc::socklen_t;
    // SAFETY: the pointer and the length describe `value`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            fd,
            libc::IPPROTO_TCP,
            option,
            (&raw const value).cast(),
            length,
        )
    };
    Errno::result(result)?;
    Ok(())
}

fn option(socket: &impl AsFd, option: libc::c_int) -> io::Result<u32> {
    let fd = socket.as_fd().as_raw_fd();
    let mut value = 0_u32;
    let mut length = size_of::<u32>() as libc::socklen_t;
    // SAFETY: `value` is as long as `length` says, and both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            fd,
            libc::IPPROTO_TCP,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    Errno::result(result)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_a_clock_follows_from_its_value() {
        for rate_of_kernel in RATES {
            for seconds in [1.5, 60.0, 1_000.0, 1e6, 6e7] {
                let jiffies = (seconds - BEFORE_OVERFLOW) * f64::from(rate_of_kernel);
                let reads = jiffies as i64 as u32;
                let up = Duration::from_secs_f64(seconds + 0.003);
                assert_eq!(rate(reads, up), rate_of_kernel, "after {seconds} s");
            }
        }
    }

    #[test]
    fn releases_compare_by_number() {
        assert!(numbers("4.9.337-1-amd64") < OFFSETS_SINCE);
        assert!(numbers("4.10-rc1") >= OFFSETS_SINCE);
        assert!(numbers("6.1.0-56-cloud-amd64") >= OFFSETS_SINCE);
    }

    #[test]
    #[ignore = "kernel test: needs CAP_NET_ADMIN for TCP_REPAIR"]
    fn kernel_the_clock_of_an_unconnected_socket_can_be_shifted() {
        let socket = super::super::sockopt::tcp_socket(std::net::Ipv4Addr::LOCALHOST.into());
        let socket = socket.unwrap();
        let before = option(&socket, libc::TCP_TIMESTAMP).unwrap();
        TcpClockShift { ticks: 800_000 }.apply(&socket).unwrap();
        let after = option(&socket, libc::TCP_TIMESTAMP).unwrap();
        assert!((800_000..860_000).contains(&after.wrapping_sub(before)));
    }
}
