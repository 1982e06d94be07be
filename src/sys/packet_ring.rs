//! Captures the TCP packets of one interface in both directions without a system call per packet: a packet
//! socket with a ring shared with the kernel (`TPACKET_V3`, packet(7), Linux
//! `Documentation/networking/packet_mmap.rst`). This file does not parse packets.

#![expect(
    unsafe_code,
    reason = "the options of packet sockets and memory shared with the kernel have no safe wrapper"
)]

use std::io;
use std::mem::offset_of;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

use super::packet_filter;

/// Bytes per block; the kernel fills one block after the other. It is a power of two of pages,
/// small enough to allocate.
pub const BLOCK: usize = 32 * 1024;

/// Time after which the kernel hands over a block that is not full; it may take twice as
/// long (`prb_retire_rx_blk_timer_expired`, Linux `net/packet/af_packet.c`).
pub const RETIRE: Duration = Duration::from_millis(20);

/// `tp_frame_size`: no packets are stored in slots of this size, but it must divide blocks and be a multiple
/// of 16 (`packet_set_ring`, Linux `net/packet/af_packet.c`).
const SLOT: usize = 2048;

/// A captured packet, which is still in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingPacket<'a> {
    /// The wall clock (`CLOCK_REALTIME`) at capture, nanoseconds since 1970.
    pub time: u64,
    /// True if it was leaving through the interface.
    pub outgoing: bool,
    /// The length of the whole packet, bytes.
    pub length: u32,
    /// The first bytes of the packet, starting with the Ethernet header.
    pub bytes: &'a [u8],
}

/// A packet socket on one interface, with its ring.
#[derive(Debug)]
pub struct PacketRing {
    socket: Socket,
    memory: SharedMemory,
    next: usize,
    taken: u64,
    received: u64,
    dropped: u64,
}

impl PacketRing {
    /// Opens a ring of `blocks` [`BLOCK`]s on an interface of the calling thread's namespace. From now on the
    /// first `snap` bytes of every packet of these protocols that passes the interface are captured.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW in the namespace's user namespace; ENODEV if there is no such interface; ENOMEM.
    pub fn open(
        interface: &str,
        blocks: usize,
        (protocols, snap): (&[i32], u32),
    ) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(interface)?;
        // Protocol 0: nothing is received before the bind.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        set(&socket, libc::PACKET_VERSION, &version)?;
        socket.attach_filter(&packet_filter::protocols(protocols, snap))?;
        let shape = libc::tpacket_req3 {
            tp_block_size: BLOCK as libc::c_uint,
            tp_block_nr: blocks as libc::c_uint,
            tp_frame_size: SLOT as libc::c_uint,
            tp_frame_nr: (blocks * (BLOCK / SLOT)) as libc::c_uint,
            tp_retire_blk_tov: RETIRE.as_millis() as libc::c_uint,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(&socket, libc::PACKET_RX_RING, &shape)?;
        let memory = SharedMemory::map(&socket, blocks)?;
        bind(&socket, index)?;
        Ok(Self {
            socket,
            memory,
            next: 0,
            taken: 0,
            received: 0,
            dropped: 0,
        })
    }

    /// Passes the packets of all blocks that the kernel has handed over to `take`, in order, and returns the blocks.
    pub fn take(&mut self, mut take: impl FnMut(RingPacket<'_>)) {
        for _ in 0..self.memory.blocks {
            let Some(block) = self.memory.block(self.next) else {
                return;
            };
            for packet in packets(block) {
                take(packet);
                self.taken += 1;
            }
            self.memory.return_to_kernel(self.next);
            self.next = (self.next + 1) % self.memory.blocks;
        }
    }

    /// Stops the capture. Packets that are already in the ring can still be taken.
    ///
    /// # Errors
    /// ENOMEM if the kernel has no memory for the filter.
    pub fn stop_receiving(&self) -> io::Result<()> {
        self.socket.attach_filter(&packet_filter::nothing())
    }

    /// Returns how many packets were captured, and how many of them were lost because the ring was full.
    ///
    /// # Errors
    /// The errors of getsockopt(2).
    pub fn count(&mut self) -> io::Result<[u64; 2]> {
        let mut counted = libc::tpacket_stats_v3 {
            tp_packets: 0,
            tp_drops: 0,
            tp_freeze_q_cnt: 0,
        };
        let mut length = size_of_val(&counted) as libc::socklen_t;
        // SAFETY: the pointers are those of a live structure and of its length, which the call fills in.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut counted).cast(),
                &raw mut length,
            )
        };
        Errno::result(result)?;
        // The kernel counts from the previous call.
        self.received += u64::from(counted.tp_packets);
        self.dropped += u64::from(counted.tp_drops);
        Ok([self.received, self.dropped])
    }

    /// Returns whether all packets up to the last [`count`](Self::count) were taken or lost.
    pub fn is_drained(&self) -> bool {
        self.taken + self.dropped >= self.received
    }
}

/// The memory of the ring, which the kernel and this process share.
#[derive(Debug)]
struct SharedMemory {
    start: NonNull<u8>,
    blocks: usize,
}

// SAFETY: on our side the memory belongs only to this value, and it is not tied to a thread.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    fn map(socket: &Socket, blocks: usize) -> io::Result<Self> {
        // SAFETY: the kernel chooses an unused address range.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                blocks * BLOCK,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // Processes around a program keep this process's memory as long as the program runs.
        // SAFETY: the range is the mapping that was just made.
        let _copied = unsafe { libc::madvise(start, blocks * BLOCK, libc::MADV_DONTFORK) };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { start, blocks })
    }

    /// Returns the status word of a block, which says whether the kernel or this process owns it.
    fn status(&self, block: usize) -> &AtomicU32 {
        assert!(block < self.blocks, "a ring has no block {block}");
        let word = block * BLOCK
            + offset_of!(libc::tpacket_block_desc, hdr)
            + offset_of!(libc::tpacket_hdr_v1, block_status);
        // SAFETY: the word lies within the mapping, as the block does.
        let word = unsafe { self.start.add(word) };
        // SAFETY: blocks begin at page boundaries, so the word is aligned; both sides only load and store
        // it as a whole.
        unsafe { AtomicU32::from_ptr(word.as_ptr().cast()) }
    }

    /// Returns a block if the kernel has handed it over.
    fn block(&mut self, block: usize) -> Option<&[u8]> {
        if self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the block lies within the mapping, which `status` has checked.
        let start = unsafe { self.start.add(block * BLOCK) };
        // SAFETY: the kernel does not write to a block that it has handed over; returning it takes `&mut self`.
        Some(unsafe { std::slice::from_raw_parts(start.as_ptr(), BLOCK) })
    }

    fn return_to_kernel(&mut self, block: usize) {
        let to_the_kernel = libc::TP_STATUS_KERNEL;
        self.status(block).store(to_the_kernel, Ordering::Release);
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: nothing refers to the mapping any more, because every reference has borrowed this value.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.blocks * BLOCK) };
    }
}

/// Iterates over the packets of a block. Impossible values end the list.
fn packets(block: &[u8]) -> impl Iterator<Item = RingPacket<'_>> {
    let head = offset_of!(libc::tpacket_block_desc, hdr);
    let number = |at| word(block, head + at);
    let count = number(offset_of!(libc::tpacket_hdr_v1, num_pkts)).unwrap_or(0);
    let mut at = number(offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt));
    (0..count).map_while(move |_| {
        let header = block.get(at? as usize..)?;
        let step = word(header, offset_of!(libc::tpacket3_hdr, tp_next_offset))?;
        at = at?.checked_add(step);
        packet(header)
    })
}

/// Parses a packet from its header in the ring.
fn packet(header: &[u8]) -> Option<RingPacket<'_>> {
    let number = |at| word(header, at);
    let seconds = number(offset_of!(libc::tpacket3_hdr, tp_sec))?;
    let nanos = number(offset_of!(libc::tpacket3_hdr, tp_nsec))?;
    let kept = number(offset_of!(libc::tpacket3_hdr, tp_snaplen))?;
    let start = offset_of!(libc::tpacket3_hdr, tp_mac);
    let start = u16::from_ne_bytes(header.get(start..start + 2)?.try_into().ok()?);
    // After the header, aligned, comes a link-layer address with the direction of the packet.
    let address = size_of::<libc::tpacket3_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);
    let way = address + offset_of!(libc::sockaddr_ll, sll_pkttype);
    Some(RingPacket {
        time: u64::from(seconds) * 1_000_000_000 + u64::from(nanos),
        outgoing: *header.get(way)? == libc::PACKET_OUTGOING,
        length: number(offset_of!(libc::tpacket3_hdr, tp_len))?,
        bytes: header.get(usize::from(start)..)?.get(..kept as usize)?,
    })
}

/// Reads 32 bits in the machine's byte order.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    word.try_into().ok().map(u32::from_ne_bytes)
}

/// Sets an option of packet sockets.
fn set<T>(socket: &Socket, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of a live value, which the call only reads.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    Errno::result(result)?;
    Ok(())
}

/// Binds to an interface, for packets of every protocol in both directions.
fn bind(socket: &Socket, interface: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: interface.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the pointer and the length are those of a live address, which the call only reads.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of_val(&address) as libc::socklen_t,
        )
    };
    Errno::result(result)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_block_is_accepted(
            start in prop::collection::vec(0_u8..64, 0..400),
            rest in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let block = [start, rest].concat();
            for packet in packets(&block) {
                prop_assert!(packet.bytes.len() <= block.len());
            }
        }
    }
}
