//! Sees the TCP packets of one interface, both directions, without a system call a packet: a packet socket whose ring is shared
//! with the kernel (`TPACKET_V3`, packet(7), Linux `Documentation/networking/packet_mmap.rst`). This file looks at no packet.

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

/// Bytes of a block of the ring, of which the kernel fills one after the other: a power of two of pages that are easily had.
pub const BLOCK: usize = 32 * 1024;

/// How long packets may wait in a block that is not full until the kernel hands it over; it may take twice as long
/// (`prb_retire_rx_blk_timer_expired`, Linux `net/packet/af_packet.c`).
pub const RETIRE: Duration = Duration::from_millis(20);

/// `tp_frame_size`: no packets are kept in slots of this size, but it must divide blocks and be a multiple of 16
/// (`packet_set_ring`, Linux `net/packet/af_packet.c`).
const SLOT: usize = 2048;

/// A packet that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenPacket<'a> {
    /// The wall clock (`CLOCK_REALTIME`) when it was seen, nanoseconds since 1970.
    pub time: u64,
    /// Whether it was leaving.
    pub outgoing: bool,
    /// Its whole length, bytes.
    pub length: u32,
    /// Its first bytes, from the Ethernet header on.
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
    /// Opens a ring of so many [`BLOCK`]s on an interface of the calling thread's namespace. From here on every TCP packet that
    /// passes the interface is seen, its first `snap` bytes.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW in the namespace's user namespace; ENODEV where there is no such interface; ENOMEM.
    pub fn open(interface: &str, blocks: usize, snap: u32) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(interface)?;
        // Protocol 0: nothing is received before the bind.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        set(&socket, libc::PACKET_VERSION, &version)?;
        socket.attach_filter(&packet_filter::tcp(snap))?;
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

    /// Hands over everything that the kernel has handed over, in the order in which it was seen, and gives the room back.
    pub fn take(&mut self, mut take: impl FnMut(SeenPacket<'_>)) {
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

    /// Lets no further packet in. What is in can still be taken.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn stop_receiving(&self) -> io::Result<()> {
        self.socket.attach_filter(&packet_filter::nothing())
    }

    /// How many packets were seen, and how many of them found the ring full and are lost.
    ///
    /// # Errors
    /// Those of getsockopt(2).
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
        // The kernel counts from the last time it was asked.
        self.received += u64::from(counted.tp_packets);
        self.dropped += u64::from(counted.tp_drops);
        Ok([self.received, self.dropped])
    }

    /// Whether every packet that was seen up to the last [`count`](Self::count) has been taken or was lost.
    pub fn is_drained(&self) -> bool {
        self.taken + self.dropped >= self.received
    }
}

/// The ring as the kernel and we see it.
#[derive(Debug)]
struct SharedMemory {
    start: NonNull<u8>,
    blocks: usize,
}

// SAFETY: the memory belongs to this value alone on our side, and to no thread.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    fn map(socket: &Socket, blocks: usize) -> io::Result<Self> {
        // SAFETY: the kernel chooses a place where nothing else is.
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
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { start, blocks })
    }

    /// The word of a block that says whose it is.
    fn status(&self, block: usize) -> &AtomicU32 {
        assert!(block < self.blocks, "a ring has no block {block}");
        let word = block * BLOCK
            + offset_of!(libc::tpacket_block_desc, hdr)
            + offset_of!(libc::tpacket_hdr_v1, block_status);
        // SAFETY: the word lies within the mapping, as the block does.
        let word = unsafe { self.start.add(word) };
        // SAFETY: blocks begin at pages, so the word is aligned; both sides only load and store it whole.
        unsafe { AtomicU32::from_ptr(word.as_ptr().cast()) }
    }

    /// A block, where the kernel has handed it over.
    fn block(&mut self, block: usize) -> Option<&[u8]> {
        if self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the block lies within the mapping, as `status` has made sure.
        let start = unsafe { self.start.add(block * BLOCK) };
        // SAFETY: the kernel does not write to a block that it has handed over; giving it back takes `&mut self`.
        Some(unsafe { std::slice::from_raw_parts(start.as_ptr(), BLOCK) })
    }

    fn return_to_kernel(&mut self, block: usize) {
        let to_the_kernel = libc::TP_STATUS_KERNEL;
        self.status(block).store(to_the_kernel, Ordering::Release);
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: nothing refers to the mapping any more: what did had borrowed this value.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.blocks * BLOCK) };
    }
}

/// The packets of a block. What the kernel cannot have written ends the list.
fn packets(block: &[u8]) -> impl Iterator<Item = SeenPacket<'_>> {
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

/// A packet, from its header in the ring on.
fn packet(header: &[u8]) -> Option<SeenPacket<'_>> {
    let number = |at| word(header, at);
    let seconds = number(offset_of!(libc::tpacket3_hdr, tp_sec))?;
    let nanos = number(offset_of!(libc::tpacket3_hdr, tp_nsec))?;
    let kept = number(offset_of!(libc::tpacket3_hdr, tp_snaplen))?;
    let start = offset_of!(libc::tpacket3_hdr, tp_mac);
    let start = u16::from_ne_bytes(header.get(start..start + 2)?.try_into().ok()?);
    // Behind the header, aligned, is a link-layer address that says which way the packet goes.
    let address = size_of::<libc::tpacket3_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);
    let way = address + offset_of!(libc::sockaddr_ll, sll_pkttype);
    Some(SeenPacket {
        time: u64::from(seconds) * 1_000_000_000 + u64::from(nanos),
        outgoing: *header.get(way)? == libc::PACKET_OUTGOING,
        length: number(offset_of!(libc::tpacket3_hdr, tp_len))?,
        bytes: header.get(usize::from(start)..)?.get(..kept as usize)?,
    })
}

/// 32 bits in the machine's byte order.
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
        fn no_block_panics(
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
