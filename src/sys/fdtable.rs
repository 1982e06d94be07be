//! Descriptor tables: a thread can have its own, to which `RLIMIT_NOFILE` applies separately.
//!
//! Not here: which threads need one.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

/// Gives the calling thread a descriptor table of its own that holds only 0 to 2 and `keep`, with unchanged numbers.
///
/// `RLIMIT_NOFILE` limits each table, not their sum (`alloc_fd`, Linux `fs/file.c`). Threads that the
/// thread starts later share the table. Descriptors that the thread had open before are closed in it, so
/// call this before opening anything.
///
/// # Errors
/// The errors of unshare(2), close_range(2) and, before Linux 5.9, of reading `/proc/thread-self/fd`.
pub fn unshare_keeping(keep: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).chain(0..3).collect();
    kept.sort_unstable();
    kept.dedup();
    let top = kept.last().map_or(0, |last| last + 1);
    // The kernel does not even copy the descriptors above `top`, which would be closed.
    match close_range(top, RawFd::MAX, libc::CLOSE_RANGE_UNSHARE) {
        Err(Errno::ENOSYS) => return unshare_one_by_one(&kept),
        other => other?,
    }
    for pair in kept.windows(2) {
        if pair[1] - pair[0] > 1 {
            close_range(pair[0] + 1, pair[1] - 1, 0)?;
        }
    }
    Ok(())
}

/// Does the same on kernels before 5.9.
fn unshare_one_by_one(kept: &[RawFd]) -> io::Result<()> {
    unshare(CloneFlags::CLONE_FILES)?;
    let mut open = Vec::new();
    for entry in std::fs::read_dir("/proc/thread-self/fd")? {
        open.extend(
            entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<RawFd>().ok()),
        );
    }
    for fd in open {
        // The directory's own descriptor is already closed, so EBADF is expected.
        if !kept.contains(&fd) {
            let _already_closed = close_one(fd);
        }
    }
    Ok(())
}

#[expect(unsafe_code, reason = "close_range(2) is not in nix")]
fn close_range(first: RawFd, last: RawFd, flags: libc::c_uint) -> nix::Result<()> {
    // SAFETY: no memory is passed; the closed descriptors are the calling thread's copies, which
    // its contract gives up.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    Errno::result(result).map(drop)
}

#[expect(
    unsafe_code,
    reason = "closes a number that no value owns in this table"
)]
fn close_one(fd: RawFd) -> nix::Result<()> {
    // SAFETY: the table belongs to the calling thread, and the contract of its caller gives up the contents.
    Errno::result(unsafe { libc::close(fd) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::{AsFd, FromRawFd, OwnedFd};
    use std::sync::Arc;

    #[test]
    fn a_thread_with_its_own_table_sees_only_what_it_kept() {
        let (lost, kept) = (File::open("/dev/zero"), File::open("/dev/zero"));
        let (lost, kept) = (lost.unwrap(), Arc::new(kept.unwrap()));
        let lost_number = lost.as_raw_fd();
        let inside = Arc::clone(&kept);
        let (lost_is_open, read) = std::thread::spawn(move || {
            unshare_keeping(&[inside.as_fd()]).unwrap();
            let lost_is_open =
                std::fs::read_link(format!("/proc/thread-self/fd/{lost_number}")).is_ok();
            (lost_is_open, (&*inside).read(&mut [0; 4]).unwrap())
        })
        .join()
        .unwrap();
        assert!(!lost_is_open);
        assert_eq!(read, 4);
        assert_eq!((&lost).read(&mut [0; 4]).unwrap(), 4, "still open here");
    }

    #[test]
    fn the_limit_applies_to_each_table_separately() {
        // Each of two threads opens more than half of the soft limit, which is possible only with two tables.
        let (soft, _) =
            nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
        let each = usize::try_from(soft.min(1024)).unwrap() * 3 / 4;
        let threads: Vec<_> = (0..2)
            .map(|_| {
                std::thread::spawn(move || {
                    unshare_keeping(&[]).unwrap();
                    let open: Vec<File> = (0..each)
                        .map(|_| File::open("/dev/null").unwrap())
                        .collect();
                    open.iter().map(AsRawFd::as_raw_fd).max()
                })
            })
            .collect();
        for thread in threads {
            let highest = thread.join().unwrap().unwrap();
            assert!(usize::try_from(highest).unwrap() < each + 8, "{highest}");
        }
    }

    #[test]
    #[expect(
        unsafe_code,
        reason = "takes ownership of a descriptor of this table only"
    )]
    fn a_descriptor_closed_in_one_table_stays_open_in_the_other() {
        let here = Arc::new(File::open("/dev/zero").unwrap());
        let there = Arc::clone(&here);
        std::thread::spawn(move || {
            unshare_keeping(&[there.as_fd()]).unwrap();
            // SAFETY: nothing else in this thread's table closes the number: the file's last owner
            // is the other thread.
            drop(unsafe { OwnedFd::from_raw_fd(there.as_raw_fd()) });
        })
        .join()
        .unwrap();
        assert_eq!((&*here).read(&mut [0; 1]).unwrap(), 1);
    }
}
