//! Offloads of an interface of the calling thread's namespace (ethtool(8), `SIOCETHTOOL`, netdevice(7)).

use std::io;
use std::os::fd::AsRawFd;

use nix::errno::Errno;

/// `ETHTOOL_STSO` (Linux `include/uapi/linux/ethtool.h`).
const ETHTOOL_STSO: u32 = 0x1f;
/// `SIOCETHTOOL` (Linux `include/uapi/linux/sockios.h`).
const SIOCETHTOOL: libc::c_ulong = 0x8946;

/// `struct ethtool_value`, Linux `include/uapi/linux/ethtool.h`.
#[repr(C)]
struct EthtoolValue {
    cmd: u32,
    data: u32,
}

/// Turns TCP segmentation offload off, so that the kernel cuts segments before they leave.
///
/// # Errors
/// EPERM without CAP_NET_ADMIN in the namespace; ENODEV if there is no such interface; EOPNOTSUPP if the
/// offload cannot be turned off.
pub fn turn_tso_off(interface: &str) -> io::Result<()> {
    request(interface, ETHTOOL_STSO, 0).map(|_| ())
}

/// Gets or sets an `ethtool_value`, and returns its new state.
#[expect(unsafe_code, reason = "ioctl(2)")]
fn request(interface: &str, cmd: u32, data: u32) -> io::Result<u32> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    let mut name = [0; libc::IFNAMSIZ];
    // The last byte terminates the name.
    let bytes = interface.bytes().take(libc::IFNAMSIZ - 1);
    (name.iter_mut().zip(bytes)).for_each(|(to, from)| *to = from as libc::c_char);
    let mut value = EthtoolValue { cmd, data };
    let mut request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: (&raw mut value).cast(),
        },
    };
    // SAFETY: the request is a complete `ifreq` that points to a complete `ethtool_value`; both outlive the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
    Errno::result(result)?;
    Ok(value.data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::loopback;

    /// `ETHTOOL_GTSO`, Linux `include/uapi/linux/ethtool.h`.
    const ETHTOOL_GTSO: u32 = 0x1e;

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_segmentation_offload_is_turned_off() {
        let netns = loopback::namespace();
        netns
            .run(|| {
                assert_eq!(request("lo", ETHTOOL_GTSO, 0).unwrap(), 1);
                turn_tso_off("lo").unwrap();
                assert_eq!(request("lo", ETHTOOL_GTSO, 0).unwrap(), 0);
                let missing = turn_tso_off("nothing-here").unwrap_err();
                assert_eq!(missing.raw_os_error(), Some(libc::ENODEV));
            })
            .unwrap();
    }
}
