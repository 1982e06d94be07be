//! A packet socket bound to one interface, which passes whole Ethernet frames with their offload state.
//!
//! `PACKET_VNET_HDR` puts a `struct virtio_net_hdr` before each frame. It describes what the kernel has yet
//! to do (fill in a checksum, cut a segment of up to 64 KiB), so a frame that is sent on as received stays
//! intact (packet(7), Linux `include/uapi/linux/virtio_net.h`). This file does not parse frames.

#![expect(
    unsafe_code,
    reason = "packet socket options and batched receive and send have no safe wrapper"
)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Bytes of `struct virtio_net_hdr`, which precedes the Ethernet header.
pub const OFFLOAD_HEADER: usize = 10;

/// Returns whether the transport checksum of a frame with an offload header has yet to be filled in
/// (`VIRTIO_NET_HDR_F_NEEDS_CSUM`, Linux `include/uapi/linux/virtio_net.h`), so that it does not
/// cover the contents yet.
pub fn needs_checksum(frame: &[u8]) -> bool {
    frame.first().is_some_and(|flags| flags & 1 != 0)
}

/// Returns the bytes that a frame with an offload header takes on a link: if it holds several TCP segments, each is
/// sent with headers of its own.
pub fn bytes_on_link(frame: &[u8]) -> usize {
    let bytes = frame.len().saturating_sub(OFFLOAD_HEADER);
    let field = |at: usize| {
        let field = frame
            .get(at..at + 2)
            .and_then(|field| field.try_into().ok());
        usize::from(field.map_or(0, u16::from_ne_bytes))
    };
    // `gso_type` 1 and 4 of `struct virtio_net_hdr` are TCP over IPv4 and IPv6, beside a bit for ECN. `gso_size` is
    // the data in each segment, `csum_start` where the TCP header is.
    let is_tcp = matches!(frame.get(1), Some(kind) if matches!(kind & 0x7f, 1 | 4));
    let (data, tcp) = if is_tcp { (field(4), field(6)) } else { (0, 0) };
    // The upper half of the header's thirteenth byte is its length in words (RFC 9293, section 3.1).
    let words = frame.get(OFFLOAD_HEADER + tcp + 12).map(|byte| byte >> 4);
    match (data, words) {
        (1.., Some(words)) => {
            let headers = tcp + 4 * usize::from(words);
            let segments = bytes.saturating_sub(headers).div_ceil(data);
            bytes + segments.saturating_sub(1) * headers
        }
        _ => bytes,
    }
}

/// Bytes for one frame: the offload header, an Ethernet header with one tag, and the largest segment
/// (`GSO_LEGACY_MAX_SIZE`, 65,536 bytes, Linux `include/linux/netdevice.h`), rounded up to whole pages.
const SLOT: usize = 17 * 4096;

/// Frames per system call. More bring no gain: a call costs about as much as copying one large frame.
const BATCH: usize = 32;

/// Bytes that may wait in a socket: 100 ms of 1 Gbit/s, in case the reading thread is delayed.
const BUFFER: libc::c_int = 16 * 1024 * 1024;

/// The frames that one call received, each preceded by its offload header.
#[derive(Debug)]
pub struct Frames {
    slots: Vec<u8>,
    lengths: Vec<usize>,
}

impl Frames {
    /// Allocates the memory for one batch.
    pub fn new() -> Self {
        Self {
            slots: vec![0; BATCH * SLOT],
            lengths: Vec::with_capacity(BATCH),
        }
    }

    /// Iterates over the frames of the last call, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.slots
            .chunks_exact_mut(SLOT)
            .zip(&self.lengths)
            .map(|(slot, length)| &mut slot[..*length])
    }

    /// Returns whether the last call filled the batch, so that more frames may be waiting.
    pub fn is_full(&self) -> bool {
        self.lengths.len() == BATCH
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

/// A packet socket (`AF_PACKET`, `SOCK_RAW`) bound to one interface.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
    interface: u32,
}

impl PacketSocket {
    /// Opens a socket on an interface of the calling thread's namespace. From now on it receives every frame
    /// that arrives there, whatever its destination address, and none that leaves.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW in the namespace's user namespace; ENODEV if there is no such interface.
    pub fn open(interface: &str) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(interface)?;
        // Protocol 0: nothing is received before the bind.
        // SAFETY: socket(2) takes three numbers.
        let fd = unsafe {
            libc::socket(
                libc::AF_PACKET,
                libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
                0,
            )
        };
        check(fd)?;
        // SAFETY: the descriptor is new and has no other owner.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let socket = Self {
            fd,
            interface: index,
        };
        socket.set(libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1)?;
        // Since Linux 4.20. Without it, a socket still does not receive its own frames, and nothing else leaves here.
        let _older_kernel = socket.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1);
        for (force, plain) in [
            (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF),
            (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF),
        ] {
            // Only root of the initial user namespace may exceed `net.core.rmem_max`.
            socket
                .set(libc::SOL_SOCKET, force, BUFFER)
                .or_else(|_| socket.set(libc::SOL_SOCKET, plain, BUFFER))?;
        }
        socket.bind()?;
        Ok(socket)
    }

    fn set(&self, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
        // SAFETY: the pointer and the length describe a live integer, which the call only reads.
        check(unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                level,
                option,
                (&raw const value).cast(),
                mem::size_of_val(&value) as libc::socklen_t,
            )
        })
    }

    /// Returns the address of the interface with a protocol (an EtherType).
    fn address(&self, protocol: u16) -> libc::sockaddr_ll {
        libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: protocol.to_be(),
            sll_ifindex: self.interface.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        }
    }

    fn bind(&self) -> io::Result<()> {
        let address = self.address(libc::ETH_P_ALL as u16);
        // SAFETY: the pointer and the length describe a live address, which the call only reads.
        check(unsafe {
            libc::bind(
                self.fd.as_raw_fd(),
                (&raw const address).cast(),
                mem::size_of_val(&address) as libc::socklen_t,
            )
        })
    }

    /// Replaces `frames` by at most one batch of arrived frames, without waiting. There may be none.
    ///
    /// # Errors
    /// ENETDOWN once when the interface goes down; EINVAL for a frame whose offload state cannot be
    /// expressed. The socket stays usable after both.
    pub fn receive(&self, frames: &mut Frames) -> io::Result<()> {
        frames.lengths.clear();
        let mut parts: Vec<libc::iovec> = frames
            .slots
            .chunks_exact_mut(SLOT)
            .map(|slot| libc::iovec {
                iov_base: slot.as_mut_ptr().cast(),
                iov_len: slot.len(),
            })
            .collect();
        let mut messages: Vec<libc::mmsghdr> = parts.iter_mut().map(message).collect();
        // SAFETY: every message points to one part, and every part to a slot of its own; all outlive the call.
        let received = unsafe {
            libc::recvmmsg(
                self.fd.as_raw_fd(),
                messages.as_mut_ptr(),
                messages.len() as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        match check(received) {
            Ok(()) => {
                let received = usize::try_from(received).unwrap_or(0);
                // A frame that does not fit into the slot could not be sent on, but Linux makes none that long.
                frames.lengths.extend(
                    messages[..received]
                        .iter()
                        .map(|message| message.msg_len as usize),
                );
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends frames in order, each preceded by its offload header. Returns how many the kernel did not take,
    /// because the interface is down or the receiver's backlog (`net.core.netdev_max_backlog`) is full.
    pub fn send(&self, frames: &[&[u8]]) -> usize {
        let mut parts: Vec<libc::iovec> = frames
            .iter()
            .map(|frame| libc::iovec {
                iov_base: frame.as_ptr().cast_mut().cast(),
                iov_len: frame.len(),
            })
            .collect();
        // Before Linux 5.0 the kernel does not look up a frame's protocol, and loses frames that it must cut
        // into segments (commit 75c65772c3d1).
        let mut addresses: Vec<libc::sockaddr_ll> = frames
            .iter()
            .map(|frame| self.address(protocol_of(frame)))
            .collect();
        let mut messages: Vec<libc::mmsghdr> = parts.iter_mut().map(message).collect();
        for (message, address) in messages.iter_mut().zip(&mut addresses) {
            message.msg_hdr.msg_name = (&raw mut *address).cast();
            message.msg_hdr.msg_namelen = mem::size_of_val(address) as libc::socklen_t;
        }
        let mut refused = 0;
        let mut rest = &mut messages[..];
        while !rest.is_empty() {
            // SAFETY: every message points to one part and one address, and every part to a frame; the call
            // only reads them, and all outlive it.
            let sent = unsafe {
                libc::sendmmsg(
                    self.fd.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as libc::c_uint,
                    0,
                )
            };
            let taken = match check(sent) {
                Ok(()) => usize::try_from(sent).unwrap_or(0).max(1),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(_) => {
                    refused += 1;
                    1
                }
            };
            rest = rest.split_at_mut(taken).1;
        }
        refused
    }

    /// Returns how many frames found the socket's buffer full since the last call (`PACKET_STATISTICS`).
    ///
    /// # Errors
    /// The errors of getsockopt(2).
    pub fn take_dropped(&self) -> io::Result<u64> {
        let mut statistics = libc::tpacket_stats {
            tp_packets: 0,
            tp_drops: 0,
        };
        let mut length = mem::size_of_val(&statistics) as libc::socklen_t;
        // SAFETY: the pointers describe a live structure and its length, which the call fills in.
        check(unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut length,
            )
        })?;
        Ok(u64::from(statistics.tp_drops))
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Returns the EtherType of a frame with an offload header.
fn protocol_of(frame: &[u8]) -> u16 {
    let at = OFFLOAD_HEADER + 12;
    match frame.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => libc::ETH_P_ALL as u16,
    }
}

/// Creates a message of one part, without address and control data.
fn message(part: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: a zeroed `mmsghdr` is valid: no address, no parts, no control data.
    let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
    message.msg_hdr.msg_iov = part;
    message.msg_hdr.msg_iovlen = 1;
    message
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with room for the headers of TCP over IPv4, without options, and data.
    fn frame(kind: u8, segment: u16, data: usize) -> Vec<u8> {
        let mut frame = vec![0; OFFLOAD_HEADER + 54 + data];
        frame[1] = kind;
        frame[4..6].copy_from_slice(&segment.to_ne_bytes());
        frame[6..8].copy_from_slice(&34_u16.to_ne_bytes());
        frame[OFFLOAD_HEADER + 34 + 12] = 5 << 4;
        frame
    }

    #[test]
    fn every_segment_of_a_frame_has_headers_on_the_link() {
        assert_eq!(bytes_on_link(&frame(0, 0, 1_460)), 1_514);
        assert_eq!(bytes_on_link(&frame(1, 1_460, 3 * 1_460)), 3 * 1_514);
        assert_eq!(
            bytes_on_link(&frame(0x81, 1_460, 1_460 + 1)),
            1_514 + 55,
            "the last is short, and ECN is on"
        );
        assert_eq!(bytes_on_link(&frame(5, 1_460, 2_000)), 2_054, "UDP");
        assert_eq!(bytes_on_link(&[1; 7]), 0, "cut off");
    }
}
