//! The local ports that the kernel may assign in the calling thread's namespace.

use std::fs;
use std::io;

/// Returns the ports of `net.ipv4.ip_local_port_range` in ascending order, without those of
/// `net.ipv4.ip_local_reserved_ports` (Linux `Documentation/networking/ip-sysctl.rst`). They also apply to IPv6.
///
/// # Errors
/// The files cannot be read, or do not have the documented form.
pub fn local_ports() -> io::Result<Vec<u16>> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")?;
    let reserved = fs::read_to_string("/proc/sys/net/ipv4/ip_local_reserved_ports")?;
    free_ports(&range, &reserved)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a range of ports"))
}

fn free_ports(range: &str, reserved: &str) -> Option<Vec<u16>> {
    let (first, last) = range.trim().split_once(char::is_whitespace)?;
    let (first, last): (u16, u16) = (first.parse().ok()?, last.trim().parse().ok()?);
    let mut taken = Vec::new();
    for part in reserved.trim().split(',').filter(|part| !part.is_empty()) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        taken.push(from.parse::<u16>().ok()?..=to.parse::<u16>().ok()?);
    }
    let is_free = |port: &u16| !taken.iter().any(|range| range.contains(port));
    Some((first..=last).filter(is_free).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_ports_are_left_out_of_the_range() {
        let ports = free_ports("20000\t20005\n", "20001,20003-20004\n");
        assert_eq!(ports, Some(vec![20000, 20002, 20005]));
        assert_eq!(free_ports("20000\t20001\n", "\n"), Some(vec![20000, 20001]));
        assert_eq!(free_ports("20000", ""), None);
    }
}
