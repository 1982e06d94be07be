//! What an error says of itself, its causes included, and what to do where something has run out.

use std::error::Error;
use std::io;

/// An error with its causes, one line. Where the kernel says that something has run out, it ends with where there is more.
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

/// Where there is more of what has run out (errno(3), getrlimit(2)).
fn shortage(error: &(dyn Error + 'static)) -> Option<&'static str> {
    Some(match error.downcast_ref::<io::Error>()?.raw_os_error()? {
        libc::EMFILE => "this process may open no more descriptors: raise `ulimit -n`",
        libc::ENFILE => "this machine has no descriptors left: see fs.file-max",
        libc::EAGAIN => {
            "no more processes and threads may be had: see `ulimit -u`, and pids.max of the control group"
        }
        libc::ENOMEM | libc::ENOBUFS => {
            "memory has run out: the machine's, the control group's, or what `ulimit -v` allows"
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
    fn what_has_run_out_is_said_with_where_there_is_more() {
        let told = |errno| chain(&Outer(io::Error::from_raw_os_error(errno)));
        assert_eq!(
            told(libc::EMFILE),
            "cannot start: Too many open files (os error 24); this process may open no more descriptors: raise `ulimit -n`"
        );
        assert_eq!(
            told(libc::EPERM),
            "cannot start: Operation not permitted (os error 1)"
        );
    }
}
