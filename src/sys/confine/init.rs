//! The two processes around a confined program: one that waits for it outside, and the first of its PID namespace.
//!
//! Everything here runs between fork and exec, in a process that was forked from one with threads: it makes system
//! calls only, and none that goes through the C library's own bookkeeping of threads.

use std::io;
use std::ptr;

use nix::errno::Errno;

use super::proc_view::ProcView;

/// The name of both processes, which are copies of the worker otherwise.
pub const PROCESS_NAME: &str = "nslab-program";

/// The exit code if the status of the program is lost, because its init was killed.
const LOST: libc::c_int = 128 + libc::SIGKILL;

/// Splits the calling process, which has one thread: it becomes the outer process and never returns; its child becomes
/// PID 1 of a new PID namespace and never returns either; the child of that one returns.
///
/// The outer process ends as the program does, with its exit code or by its signal, after the kernel has killed the
/// rest of the namespace.
pub(super) fn split(proc: &ProcView) -> io::Result<()> {
    name_after_the_program();
    unshare(libc::CLONE_NEWPID)?;
    let (status_out, status_in) = pipe()?;
    let (alive_out, alive_in) = pipe()?;
    let init = fork()?;
    if init != 0 {
        move_to(status_out, 0);
        move_to(alive_in, 1);
        close_from(2);
        wait_outside(init);
    }
    close(status_out);
    close(alive_in);
    die_with_parent()?;
    if has_hung_up(alive_out) {
        exit(LOST);
    }
    // A namespace of its own, so that the thread keeps its `/proc`.
    unshare(libc::CLONE_NEWNS)?;
    proc.mount_all()?;
    let program = fork()?;
    if program != 0 {
        move_to(status_in, 0);
        close_from(1);
        reap_until(program);
    }
    close(status_in);
    close(alive_out);
    Ok(())
}

/// Waits for PID 1, and ends as the program did.
fn wait_outside(init: libc::pid_t) -> ! {
    let status = read_status();
    wait_for(init);
    let Some(status) = status else { exit(LOST) };
    if libc::WIFSIGNALED(status) {
        die_of(libc::WTERMSIG(status));
    }
    exit(libc::WEXITSTATUS(status))
}

/// Reaps whatever ends, passes on the status of the program, and ends with it.
fn reap_until(program: libc::pid_t) -> ! {
    loop {
        let (pid, status) = wait_for(-1);
        if pid == program || pid < 0 {
            write_status(status);
            exit(0);
        }
    }
}

#[expect(unsafe_code, reason = "waitpid(2) without allocation")]
fn wait_for(pid: libc::pid_t) -> (libc::pid_t, libc::c_int) {
    let mut status = 0;
    loop {
        // SAFETY: the call writes one integer.
        let ended = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) };
        if ended >= 0 || Errno::last() != Errno::EINTR {
            return (ended, status);
        }
    }
}

#[expect(unsafe_code, reason = "reads into an integer")]
fn read_status() -> Option<libc::c_int> {
    let mut status: libc::c_int = 0;
    loop {
        // SAFETY: the call writes at most the size of the integer.
        let read = unsafe { libc::read(0, (&raw mut status).cast(), size_of::<libc::c_int>()) };
        if read < 0 && Errno::last() == Errno::EINTR {
            continue;
        }
        return (usize::try_from(read) == Ok(size_of::<libc::c_int>())).then_some(status);
    }
}

#[expect(unsafe_code, reason = "writes an integer")]
fn write_status(status: libc::c_int) {
    // SAFETY: the call reads the integer. If the outer process is gone, so is the reader.
    let _no_reader =
        unsafe { libc::write(0, (&raw const status).cast(), size_of::<libc::c_int>()) };
}

/// Ends this process by a signal, without a core file.
#[expect(unsafe_code, reason = "signal(2) may install any function")]
fn die_of(signal: libc::c_int) -> ! {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: no handler is installed; the calls read memory that exists.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::signal(signal, libc::SIG_DFL);
        libc::kill(libc::getpid(), signal);
    }
    exit(128 + signal)
}

#[expect(unsafe_code, reason = "_exit(2)")]
fn exit(code: libc::c_int) -> ! {
    // SAFETY: nothing in this process is used afterwards.
    unsafe { libc::_exit(code) }
}

/// Forks like fork(2), but without the C library, which knows nothing of the other threads' locks in this process.
#[expect(unsafe_code, reason = "clone(2)")]
fn fork() -> nix::Result<libc::pid_t> {
    let none = ptr::null::<libc::c_void>();
    // SAFETY: with these flags the child is a copy with its own memory, and continues on a copy of this stack.
    #[cfg(not(target_arch = "s390x"))]
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, none, none, none, none) };
    Errno::result(pid).map(|pid| libc::pid_t::try_from(pid).unwrap_or(-1))
}

#[expect(unsafe_code, reason = "unshare(2)")]
fn unshare(flags: libc::c_int) -> nix::Result<()> {
    // SAFETY: this process has one thread, whose own namespaces change.
    Errno::result(unsafe { libc::unshare(flags) }).map(drop)
}

#[expect(unsafe_code, reason = "pipe2(2)")]
fn pipe() -> nix::Result<(libc::c_int, libc::c_int)> {
    let mut ends = [0; 2];
    // SAFETY: the call writes two integers.
    Errno::result(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    let [out, into] = ends;
    Ok((out, into))
}

/// Names this process in `/proc/PID/comm`, so that it is not taken for the worker that it was forked from.
/// `exec` gives the program a name of its own.
#[expect(unsafe_code, reason = "prctl(2)")]
fn name_after_the_program() {
    let mut name = [0_u8; 16];
    for (to, from) in name.iter_mut().zip(PROCESS_NAME.bytes()) {
        *to = from;
    }
    // SAFETY: the kernel copies up to 16 bytes, and the last of them is zero.
    let _only_a_name = unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) };
}

#[expect(unsafe_code, reason = "prctl(2)")]
fn die_with_parent() -> nix::Result<()> {
    // SAFETY: no memory is passed.
    let done = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    Errno::result(done).map(drop)
}

/// Returns true if the outer process had ended before this one was tied to it.
#[expect(unsafe_code, reason = "poll(2)")]
fn has_hung_up(pipe: libc::c_int) -> bool {
    let mut look = libc::pollfd {
        fd: pipe,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: the call reads and writes one entry.
    unsafe { libc::poll(&raw mut look, 1, 0) > 0 }
}

/// Leaves the session, so that the program has no terminal.
#[expect(unsafe_code, reason = "setsid(2) between fork and exec")]
pub(super) fn leave_session() {
    // SAFETY: no memory is passed. It cannot fail: this process leads no group.
    let _session = unsafe { libc::setsid() };
}

/// Restores the signal that this process ignores, and that the program would otherwise ignore too.
#[expect(unsafe_code, reason = "signal(2) may install any function")]
pub(super) fn restore_signal() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
}

#[expect(unsafe_code, reason = "dup2(2) to a number")]
fn move_to(from: libc::c_int, to: libc::c_int) {
    // SAFETY: no memory is passed; nothing else in this process uses the descriptors.
    unsafe {
        libc::dup2(from, to);
    }
}

#[expect(unsafe_code, reason = "close(2)")]
fn close(fd: libc::c_int) {
    // SAFETY: no memory is passed; nothing else in this process uses the descriptor.
    unsafe {
        libc::close(fd);
    }
}

/// Closes all descriptors from a number up.
fn close_from(first: libc::c_int) {
    if close_range(first, 0).is_err() {
        (first..highest()).for_each(close);
    }
}

/// Makes the program inherit standard input, output and error only. The standard library's own descriptor, by which it
/// reports that the program cannot be executed, stays open until then.
#[expect(unsafe_code, reason = "fcntl(2) on numbers")]
pub(super) fn close_other_descriptors() {
    // CLOSE_RANGE_CLOEXEC is new in Linux 5.11.
    if close_range(3, libc::CLOSE_RANGE_CLOEXEC).is_err() {
        for fd in 3..highest() {
            // SAFETY: no memory is passed; a number that is not open is refused.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}

#[expect(unsafe_code, reason = "close_range(2)")]
fn close_range(first: libc::c_int, flags: libc::c_uint) -> nix::Result<()> {
    // SAFETY: no memory is passed.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, flags) };
    Errno::result(done).map(drop)
}

/// Returns the number above the highest descriptor that a kernel without close_range(2) is searched for.
#[expect(unsafe_code, reason = "getrlimit(2) without allocation")]
fn highest() -> libc::c_int {
    const ENOUGH: libc::rlim_t = 65_536;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the call writes the structure.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    libc::c_int::try_from(limit.rlim_max.min(ENOUGH)).unwrap_or(libc::c_int::MAX)
}
