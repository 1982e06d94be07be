//! Loads small programs into the kernel (bpf(2)) and receives what they send. The kernel removes programs and maps with
//! their last descriptor, so nothing is left behind when this process ends.

#![expect(
    unsafe_code,
    reason = "bpf(2) and memory shared with the kernel have no safe wrapper"
)]

pub(super) mod assembler;
pub(super) mod btf;
pub(super) mod ring;

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

/// Commands (`enum bpf_cmd`, Linux `include/uapi/linux/bpf.h`).
const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP_ELEM: libc::c_long = 1;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const PROG_LOAD: libc::c_long = 5;
const RAW_TRACEPOINT_OPEN: libc::c_long = 17;

/// `BPF_PROG_TYPE_RAW_TRACEPOINT` (the same file).
const RAW_TRACEPOINT: u32 = 17;
/// Bytes for the words of the verifier about a program that it refuses.
const LOG: usize = 64 * 1024;

/// The kind of a map (`enum bpf_map_type`, the same file).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MapKind {
    Hash = 1,
    Array = 2,
    Ringbuf = 27,
}

/// The part of `union bpf_attr` that creates a map.
#[repr(C)]
#[derive(Default)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
}

/// The part of `union bpf_attr` that reads and writes an element.
#[repr(C)]
#[derive(Default)]
struct MapElement {
    map: u32,
    _padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// The part of `union bpf_attr` that loads a program.
#[repr(C)]
#[derive(Default)]
struct ProgramLoad {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// The part of `union bpf_attr` that attaches a program to a raw tracepoint.
#[repr(C)]
#[derive(Default)]
struct RawTracepointOpen {
    name: u64,
    program: u32,
    _padding: u32,
}

/// Calls bpf(2) with one of the structures above, of which the kernel reads and writes only what it points to.
fn bpf<T>(command: libc::c_long, attribute: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: the structure lives through the call and is as long as announced; all addresses in it are those of
    // memory that the callers below hold borrowed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attribute),
            size_of::<T>(),
        )
    };
    Ok(Errno::result(result)?)
}

fn descriptor(number: libc::c_long) -> io::Result<OwnedFd> {
    let number = RawFd::try_from(number).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for this process.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Creates a map; sizes and entries as in bpf(2).
///
/// # Errors
/// EPERM without CAP_BPF or CAP_SYS_ADMIN in the initial user namespace; EINVAL if the kernel lacks the kind.
pub(super) fn create_map(
    kind: MapKind,
    [key_size, value_size, max_entries]: [u32; 3],
) -> io::Result<OwnedFd> {
    let mut attribute = MapCreate {
        kind: kind as u32,
        key_size,
        value_size,
        max_entries,
        flags: 0,
    };
    descriptor(bpf(MAP_CREATE, &mut attribute)?)
}

/// Sets a value of a map whose keys and values have four bytes.
///
/// # Errors
/// E2BIG if the map is full.
pub(super) fn set(map: &OwnedFd, key: u32, value: u32) -> io::Result<()> {
    update(map, &key, &value)
}

/// Sets a value of a map whose keys and values have eight bytes.
///
/// # Errors
/// E2BIG if the map is full.
pub(super) fn set_long(map: &OwnedFd, key: u64, value: u64) -> io::Result<()> {
    update(map, &key, &value)
}

/// Sets a value of a map whose keys and values have the size of `T`.
fn update<T>(map: &OwnedFd, key: &T, value: &T) -> io::Result<()> {
    let mut attribute = MapElement {
        map: number(map),
        key: std::ptr::from_ref(key).addr() as u64,
        value: std::ptr::from_ref(value).addr() as u64,
        ..MapElement::default()
    };
    bpf(MAP_UPDATE_ELEM, &mut attribute).map(drop)
}

/// Returns the first value of an array whose values have eight bytes.
///
/// # Errors
/// The errors of bpf(2).
pub(super) fn first(map: &OwnedFd) -> io::Result<u64> {
    let (key, mut value) = (0_u32, 0_u64);
    let mut attribute = MapElement {
        map: number(map),
        key: std::ptr::from_ref(&key).addr() as u64,
        value: std::ptr::from_mut(&mut value).addr() as u64,
        ..MapElement::default()
    };
    bpf(MAP_LOOKUP_ELEM, &mut attribute)?;
    Ok(value)
}

fn number(fd: &OwnedFd) -> u32 {
    fd.as_raw_fd().unsigned_abs()
}

/// Loads a program for raw tracepoints. It may use helpers that are only for programs under the GPL, which is the
/// licence of the kernel that it becomes part of.
///
/// # Errors
/// EPERM without the privilege; EACCES or EINVAL with the last words of the verifier if it refuses the program.
pub(super) fn load(instructions: &[u64]) -> io::Result<OwnedFd> {
    let mut log = vec![0_u8; LOG];
    let license = c"GPL";
    let attribute = |log_level: u32, log: &mut [u8]| ProgramLoad {
        kind: RAW_TRACEPOINT,
        instruction_count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        instructions: instructions.as_ptr().addr() as u64,
        license: license.as_ptr().addr() as u64,
        log_level,
        log_size: if log_level == 0 { 0 } else { LOG as u32 },
        log: if log_level == 0 {
            0
        } else {
            log.as_mut_ptr().addr() as u64
        },
        ..ProgramLoad::default()
    };
    match bpf(PROG_LOAD, &mut attribute(0, &mut log)) {
        Ok(number) => descriptor(number),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Err(error),
        Err(error) => {
            let _refused_again = bpf(PROG_LOAD, &mut attribute(1, &mut log));
            let said = CStr::from_bytes_until_nul(&log).unwrap_or_default();
            let said = said.to_string_lossy();
            let last: Vec<&str> = said.lines().rev().take(3).collect();
            Err(io::Error::new(
                error.kind(),
                format!("{error}: {}", last.join("; ")),
            ))
        }
    }
}

/// Runs a program at a tracepoint as long as the descriptor is open.
///
/// # Errors
/// ENOENT if the kernel has no such tracepoint.
pub(super) fn attach(program: &OwnedFd, tracepoint: &CStr) -> io::Result<OwnedFd> {
    let mut attribute = RawTracepointOpen {
        name: tracepoint.as_ptr().addr() as u64,
        program: number(program),
        ..RawTracepointOpen::default()
    };
    descriptor(bpf(RAW_TRACEPOINT_OPEN, &mut attribute)?)
}
