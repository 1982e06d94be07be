//! A packet socket bound to one interface: whole Ethernet frames in and out, with their offload state.
//!
//! `PACKET_VNET_HDR` puts a `struct virtio_net_hdr` before each frame. It carries what the kernel left undone (a checksum
//! to fill in, a segment of up to 64 KiB to cut), so that a frame that is sent on as it was received stays intact
//! (packet(7), Linux `include/uapi/linux/virtio_net.h`). This file does not look into frames.

#![expect(
    unsafe_code,
    reason = "packet socket options and batched receive and send have no safe wrapper"
)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Bytes of `struct virtio_net_hdr`, which stands before the Ethernet header.
pub const OFFLOAD_HEADER: usize = 10;

/// Whether the transport checksum of a frame, with its offload header in front, is still to be filled in
/// (`VIRTIO_NET_HDR_F_NEEDS_CSUM`, Linux `include/uapi/linux/virtio_net.h`): then its contents are not yet in it.
pub fn needs_checksum(frame: &[u8]) -> bool {
    frame.first().is_some_and(|flags| flags & 1 != 0)
}

/// Room for one frame: the offload header, an Ethernet header with one tag, and the greatest segment
/// (`GSO_LEGACY_MAX_SIZE`, 65,536 bytes, Linux `include/linux/netdevice.h`), rounded up to whole pages.
const SLOT: usize = 17 * 4096;

/// Frames moved by one system call. More gain nothing: a call costs about as much as copying one large frame.
const BATCH: usize = 32;

/// Bytes that may wait in a socket: 100 ms of 1 Gbit/s, in case the thread that reads is kept from running.
const BUFFER: libc::c_int = 16 * 1024 * 1024;

/// Frames as one call received them, each with its offload header in front.
#[derive(Debug)]
pub struct Frames {
    slots: Vec<u8>,
    lengths: Vec<usize>,
}

impl Frames {
    /// Room for one batch.
    pub fn new() -> Self {
        Self {
            slots: vec![0; BATCH * SLOT],
            lengths: Vec::with_capacity(BATCH),
        }
    }

    /// What the last call received, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.slots
            .chunks_exact_mut(SLOT)
            .zip(&self.lengths)
            .map(|(slot, length)| &mut slot[..*length])
    }

    /// Whether the last call filled the batch: more may wait.
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
    /// Opens a socket on an interface of the calling thread's namespace. From here on it gets every frame that arrives
    /// there, whomever it is for, and none that leaves.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW in the namespace's user namespace; ENODEV where there is no such interface.
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
        // SAFETY: the descriptor is new and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let socket = Self {
            fd,
            interface: index,
        };
        socket.set(libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1)?;
        // Since Linux 4.20. Without it a socket still does not get what itself sent, which is all that leaves here.
        let _older_kernel = socket.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1);
        for (force, plain) in [
            (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF),
            (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF),
        ] {
            // Only root of the first user namespace may pass `net.core.rmem_max`.
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

    /// The interface, and a protocol (an EtherType) there.
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

    /// Replaces `frames` by what has arrived, at most one batch, without waiting; nothing where nothing has.
    ///
    /// # Errors
    /// ENETDOWN once when the interface goes down; EINVAL for a frame whose offload state cannot be told. Both leave the
    /// socket usable.
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
        // SAFETY: every message points to one part, every part to a slot of its own; all outlive the call.
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
                // A frame that does not fit the slot cannot be sent on; none that Linux makes is so long.
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

    /// Sends frames, each with its offload header in front, in order. Returns how many the kernel did not take: where
    /// the interface is down, or the receiver's backlog (`net.core.netdev_max_backlog`) is full.
    pub fn send(&self, frames: &[&[u8]]) -> usize {
        let mut parts: Vec<libc::iovec> = frames
            .iter()
            .map(|frame| libc::iovec {
                iov_base: frame.as_ptr().cast_mut().cast(),
                iov_len: frame.len(),
            })
            .collect();
        // Before Linux 5.0 the kernel does not look for a frame's protocol, and loses what it has to cut into segments (commit 75c65772c3d1).
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
            // SAFETY: every message points to one part, every part to a frame, every name to an
            // address, which the call only reads; all outlive it.
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

    /// Frames that found the socket's buffer full since the last time this was asked (`PACKET_STATISTICS`).
    ///
    /// # Errors
    /// Those of getsockopt(2).
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

/// The EtherType of a frame with its offload header in front.
fn protocol_of(frame: &[u8]) -> u16 {
    let at = OFFLOAD_HEADER + 12;
    match frame.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => libc::ETH_P_ALL as u16,
    }
}

/// A message of one part, without address or control data.
fn message(part: &mut libc::iovec) -> libc::mmsghdr {
    // SAFETY: all zeroes is a valid `mmsghdr`: no address, no parts, no control data.
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
