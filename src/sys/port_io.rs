//! The processor's I/O ports, from user space: bytes to and from a device that has no driver (iopl(2), inb(2)).
//!
//! Permission belongs to a thread, so that each call takes it anew: it then holds whichever thread calls. That of all ports is asked for,
//! which is but a flag of the thread; ioperm(2) has a map of them copied at each call. Only x86-64 has ports.

use std::io;

/// Writes bytes to one port, one after the other.
///
/// # Errors
/// EPERM without CAP_SYS_RAWIO or where the kernel is locked down; ENOSYS where it was built without `CONFIG_X86_IOPL_IOPERM`;
/// unsupported on other processors.
pub fn write(port: u16, bytes: &[u8]) -> io::Result<()> {
    permit()?;
    imp::write(port, bytes);
    Ok(())
}

/// Reads bytes from one port, one after the other.
///
/// # Errors
/// As [`write()`].
pub fn read(port: u16, bytes: &mut [u8]) -> io::Result<()> {
    permit()?;
    imp::read(port, bytes);
    Ok(())
}

/// Writes a word of two bytes to a port and the one after it.
///
/// # Errors
/// As [`write()`].
pub fn write_word(port: u16, word: u16) -> io::Result<()> {
    permit()?;
    imp::write_word(port, word);
    Ok(())
}

/// Reads the processor's counter of time (RDTSC). 0 where it has none of that name.
pub fn ticks() -> u64 {
    imp::ticks()
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "iopl(2) is in libc alone")]
fn permit() -> io::Result<()> {
    // SAFETY: it takes a number and changes only what this thread may do.
    let done = unsafe { libc::iopl(3) };
    nix::errno::Errno::result(done)
        .map(drop)
        .map_err(Into::into)
}

#[cfg(not(target_arch = "x86_64"))]
fn permit() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The instructions. Called only with permission, else the processor refuses them with SIGSEGV.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "instructions that Rust has no words for")]
mod imp {
    use std::arch::asm;

    pub(super) fn ticks() -> u64 {
        // SAFETY: every x86-64 processor has it, and no Linux keeps it from a process unasked (PR_SET_TSC, prctl(2)).
        unsafe { std::arch::x86_64::_rdtsc() }
    }

    pub(super) fn write(port: u16, bytes: &[u8]) {
        // SAFETY: it reads exactly the bytes of the slice; the direction flag is clear at every call (System V ABI).
        unsafe {
            asm!(
                "rep outsb",
                in("dx") port,
                inout("rsi") bytes.as_ptr() => _,
                inout("rcx") bytes.len() => _,
                options(nostack, preserves_flags, readonly)
            );
        }
    }

    pub(super) fn read(port: u16, bytes: &mut [u8]) {
        // SAFETY: it writes exactly the bytes of the slice, which is borrowed for that; the direction flag is clear.
        unsafe {
            asm!(
                "rep insb",
                in("dx") port,
                inout("rdi") bytes.as_mut_ptr() => _,
                inout("rcx") bytes.len() => _,
                options(nostack, preserves_flags)
            );
        }
    }

    pub(super) fn write_word(port: u16, word: u16) {
        // SAFETY: it touches neither memory nor stack.
        unsafe {
            asm!(
                "out dx, ax",
                in("dx") port,
                in("ax") word,
                options(nomem, nostack, preserves_flags)
            );
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod imp {
    pub(super) fn ticks() -> u64 {
        0
    }
    pub(super) fn write(_: u16, _: &[u8]) {}
    pub(super) fn read(_: u16, _: &mut [u8]) {}
    pub(super) fn write_word(_: u16, _: u16) {}
}
