//! Checks if a program is ready: if it listens where clients will connect to it. The check makes no connection.

use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;

use crate::scenario::topology::IpVersion;
use crate::sys::sock_diag::SockDiag;

/// Lists the listening sockets in the calling thread's namespace.
#[derive(Debug)]
pub(super) struct ReadyCheck {
    diag: SockDiag,
    port: u16,
    ip: IpVersion,
    /// Addresses of the other listening sockets.
    elsewhere: Vec<SocketAddr>,
}

impl ReadyCheck {
    pub(super) fn open(port: u16, ip: IpVersion) -> io::Result<Self> {
        Ok(Self {
            diag: SockDiag::open().map_err(io::Error::other)?,
            port,
            ip,
            elsewhere: Vec::new(),
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Returns true if a socket listens on the port and clients can reach it.
    pub(super) fn is_there(&mut self) -> io::Result<bool> {
        let listening = self.diag.listening().map_err(io::Error::other)?;
        let addresses = listening.iter().map(|listening| listening.address);
        self.elsewhere = addresses.collect();
        Ok(self.elsewhere.iter().any(|at| self.serves(*at)))
    }

    fn serves(&self, at: SocketAddr) -> bool {
        let speaks_it = match self.ip {
            // The IPv6 wildcard also accepts IPv4 unless IPV6_V6ONLY is set (ipv6(7)).
            IpVersion::V4 => at.is_ipv4() || at.ip().is_unspecified(),
            IpVersion::V6 => at.is_ipv6(),
        };
        at.port() == self.port && speaks_it
    }

    /// Returns the addresses that are listened on instead.
    pub(super) fn instead(&self) -> Vec<String> {
        self.elsewhere.iter().map(ToString::to_string).collect()
    }
}

/// A program did not become ready.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReady {
    /// The program has ended.
    #[error("it ended before it listened on port {port}, with {status}{}{}", hint(*.status), quoted(output))]
    Ended {
        port: u16,
        status: ExitStatus,
        output: Vec<String>,
    },
    /// The program runs, but does not listen.
    #[error(
        "it does not listen on port {port} after {} s{}{}",
        .timeout.as_secs_f64(),
        listed(instead),
        quoted(output)
    )]
    TooLate {
        port: u16,
        timeout: Duration,
        instead: Vec<String>,
        output: Vec<String>,
    },
}

fn hint(status: ExitStatus) -> &'static str {
    if status.success() {
        " (run the program in the foreground: \
        nginx -g 'daemon off;', squid -N, apache2 -DFOREGROUND)"
    } else {
        ""
    }
}

fn listed(instead: &[String]) -> String {
    match instead {
        [] => "; nothing listens on this node".to_owned(),
        instead => format!("; listening on this node: {}", instead.join(", ")),
    }
}

fn quoted(output: &[String]) -> String {
    match output {
        [] => "; no output".to_owned(),
        output => format!("; last output: {}", output.join(" | ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_counts_if_the_labs_protocol_reaches_it() {
        let serves = |ip, at: &str| {
            let at: SocketAddr = at.parse().unwrap();
            let readiness = ReadyCheck {
                diag: SockDiag::open().unwrap(),
                port: 80,
                ip,
                elsewhere: Vec::new(),
            };
            readiness.serves(at)
        };
        for (ip, at, expected) in [
            (IpVersion::V4, "0.0.0.0:80", true),
            (IpVersion::V4, "10.0.0.1:80", true),
            (IpVersion::V4, "[::]:80", true),
            (IpVersion::V4, "[fd00::1]:80", false),
            (IpVersion::V4, "0.0.0.0:8080", false),
            (IpVersion::V6, "[::]:80", true),
            (IpVersion::V6, "0.0.0.0:80", false),
        ] {
            assert_eq!(serves(ip, at), expected, "{at}");
        }
    }
}
