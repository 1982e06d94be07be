//! Reads what programs of the kernel send through a ring (`BPF_MAP_TYPE_RINGBUF`, Linux
//! `Documentation/bpf/ringbuf.rst`), without a system call per message.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::{MapKind, create_map};

/// Bits of a message's length (`BPF_RINGBUF_BUSY_BIT` and `BPF_RINGBUF_DISCARD_BIT`, Linux
/// `include/uapi/linux/bpf.h`).
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
/// Bytes before each message (`BPF_RINGBUF_HDR_SZ`, the same file).
const HEADER: usize = 8;

/// A ring, and the memory that it shares with the kernel.
#[derive(Debug)]
pub(in crate::sys) struct MessageRing {
    map: OwnedFd,
    /// The page with the position up to which messages have been read; the kernel reads it.
    read_up_to: NonNull<u8>,
    /// The page with the position up to which messages have been written, and the messages twice in a row, so that
    /// none is split.
    written: NonNull<u8>,
    page: usize,
    size: usize,
}

// SAFETY: the pointers are those of mappings that belong to this value alone and live as long as it.
unsafe impl Send for MessageRing {}

impl MessageRing {
    /// Creates a ring of `size` bytes, a power of two and a multiple of the size of a page.
    ///
    /// # Errors
    /// The errors of [`create_map`] and mmap(2).
    pub(in crate::sys) fn create(size: usize) -> io::Result<Self> {
        let entries = u32::try_from(size).map_err(io::Error::other)?;
        let map = create_map(MapKind::Ringbuf, [0, 0, entries])?;
        // SAFETY: sysconf(3) only returns a number.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) })
            .map_err(io::Error::other)?;
        let read_up_to = share(&map, page, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        let written = share(&map, page + 2 * size, libc::PROT_READ, page);
        let written = written.inspect_err(|_| unmap(read_up_to, page))?;
        Ok(Self {
            map,
            read_up_to,
            written,
            page,
            size,
        })
    }

    /// Returns the map, for programs.
    pub(in crate::sys) fn map(&self) -> &OwnedFd {
        &self.map
    }

    /// Passes every message that is there to `take`, in order.
    pub(in crate::sys) fn take(&mut self, mut take: impl FnMut(&[u8])) {
        // SAFETY: both pages begin with a position of eight bytes, aligned, which lives as long as the mapping.
        let (read, written) = unsafe {
            (
                self.read_up_to.cast::<AtomicU64>().as_ref(),
                self.written.cast::<AtomicU64>().as_ref(),
            )
        };
        let mut at = read.load(Ordering::Relaxed);
        while at < written.load(Ordering::Acquire) {
            let offset = self.page + (at as usize & (self.size - 1));
            // SAFETY: a header is within the mapping, aligned to eight bytes, and written by the kernel atomically.
            let header = unsafe { self.written.add(offset).cast::<AtomicU32>().as_ref() };
            let header = header.load(Ordering::Acquire);
            if header & BUSY != 0 {
                break;
            }
            let length = (header & !(BUSY | DISCARDED)) as usize;
            if header & DISCARDED == 0 {
                // SAFETY: the kernel has finished this message and leaves it alone until the position passes it; it
                // lies within the second copy if it passes the end of the first.
                let message = unsafe {
                    std::slice::from_raw_parts(self.written.add(offset + HEADER).as_ptr(), length)
                };
                take(message);
            }
            at += (length + HEADER).next_multiple_of(HEADER) as u64;
            read.store(at, Ordering::Release);
        }
    }
}

impl AsFd for MessageRing {
    /// Readable when there are messages.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }
}

impl Drop for MessageRing {
    fn drop(&mut self) {
        unmap(self.read_up_to, self.page);
        unmap(self.written, self.page + 2 * self.size);
    }
}

fn share(
    map: &OwnedFd,
    length: usize,
    access: libc::c_int,
    offset: usize,
) -> io::Result<NonNull<u8>> {
    let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            length,
            access,
            libc::MAP_SHARED,
            map.as_raw_fd(),
            offset,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(address.cast()).ok_or_else(|| io::Error::other("a mapping at address 0"))
}

fn unmap(address: NonNull<u8>, length: usize) {
    // SAFETY: the mapping was made with this length and is not used any more.
    let _cannot_fail = unsafe { libc::munmap(address.as_ptr().cast(), length) };
}
