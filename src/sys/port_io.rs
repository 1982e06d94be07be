//! The processor's I/O ports, used from user space for a device without a driver (iopl(2), inb(2)).
//!
//! Permission belongs to a thread, so each call requests it anew and works from any thread. It is requested
//! for all ports, which is only a flag of the thread; ioperm(2) would copy a map of ports at each call.
//! Only x86-64 has ports.

use std::io;

/// Writes bytes to one port, one after the other.
///
/// # Errors
/// EPERM without CAP_SYS_RAWIO or if the kernel is locked down; ENOSYS if it was built without
/// `CONFIG_X86_IOPL_IOPERM`; `Unsupported` on other processors.
pub fn write(port: u16, bytes: &[u8]) -> io::Result<()> {
    permit()?;
    imp::write(port, bytes);
    Ok(())
}

/// Reads bytes from one port, one after the other.
///
/// # Errors
/// The same as for [`write()`].
pub fn read(port: u16, bytes: &mut [u8]) -> io::Result<()> {
    permit()?;
    imp::read(port, bytes);
    Ok(())
}

/// Writes a word of two bytes to a port and the next one.
///
/// # Errors
/// The same as for [`write()`].
pub fn write_word(port: u16, word: u16) -> io::Result<()> {
    permit()?;
    imp::write_word(port, word);
    Ok(())
}

/// Reads the processor's time stamp counter (RDTSC); 0 if the processor does not have one.
pub fn ticks() -> u64 {
    imp::ticks()
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "only libc has iopl(2)")]
fn permit() -> io::Result<()> {
    // SAFETY: the call takes a number and changes only the permissions of this thread.
    let done = unsafe { libc::iopl(3) };
    nix::errno::Errno::result(done)
        .map(drop)
        .map_err(Into::into)
}

#[cfg(not(target_arch = "x86_64"))]
fn permit() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The I/O instructions. Without permission, executing one raises SIGSEGV.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "instructions that need inline assembly")]
mod imp {
    use std::arch::asm;

    pub(super) fn ticks() -> u64 {
        // SAFETY: every x86-64 processor has it, and Linux disables it only on request (PR_SET_TSC, prctl(2)).
        unsafe { std::arch::x86_64::_rdtsc() }
    }

    pub(super) fn write(port: u16, bytes: &[u8]) {
        // SAFETY: the instruction reads exactly the bytes of the slice; the direction flag is clear at
        // calls (System V ABI).
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
        // SAFETY: it writes exactly the bytes of the slice, which is mutably borrowed; the direction flag is clear.
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
        // SAFETY: the instruction touches neither memory nor the stack.
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
