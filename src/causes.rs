//! Formats an error together with its causes, and adds advice if a resource has run out.

use std::error::Error;
use std::io;

/// Returns an error with its causes on one line. If the kernel reports that a resource has run out, the line
/// ends with the limit to raise.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut help = shortage(error);
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        help = help.or_else(|| shortage(cause));
        next = cause.source();
    }
    match help {
        Some(help) => format!("{text}; {help}"),
        None => text,
    }
}

fn shortage(error: &(dyn Error + 'static)) -> Option<&'static str> {
    advice(error.downcast_ref::<io::Error>()?.raw_os_error()?)
}

/// Returns the limit to raise for a resource that has run out (errno(3), getrlimit(2)).
pub(crate) fn advice(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EMFILE => "this process has no descriptors left: raise `ulimit -n`",
        libc::ENFILE => "this machine has no descriptors left: raise fs.file-max",
        libc::EAGAIN => {
            "no more processes or threads are allowed: see `ulimit -u`, and pids.max of the control group"
        }
        libc::ENOMEM | libc::ENOBUFS => {
            "out of memory: see the machine's memory, the control group's limit and `ulimit -v`"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot start")]
    struct Outer(#[source] io::Error);

    #[test]
    fn an_exhausted_resource_comes_with_its_limit() {
        let text = |errno| chain(&Outer(io::Error::from_raw_os_error(errno)));
        assert_eq!(
            text(libc::EMFILE),
            "cannot start: Too many open files (os error 24); \
             this process has no descriptors left: raise `ulimit -n`"
        );
        assert_eq!(
            text(libc::EPERM),
            "cannot start: Operation not permitted (os error 1)"
        );
    }
}
