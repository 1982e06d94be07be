//! All three ways to wait for descriptors.

use super::*;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

fn check_ready_descriptors(mut readiness: impl ReadinessSet) {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    let (quiet, _other_end) = UnixStream::pair().unwrap();
    readiness
        .watch(quiet.as_raw_fd(), 7, Interest::Read)
        .unwrap();
    readiness
        .watch(near.as_raw_fd(), 8, Interest::Write)
        .unwrap();
    let mut ready = Vec::new();
    readiness.wait(&mut ready).unwrap();
    assert_eq!(ready, [8], "there is room to write");

    far.write_all(b"x").unwrap();
    readiness
        .change(near.as_raw_fd(), 9, Interest::Read)
        .unwrap();
    for _ in 0..2 {
        ready.clear();
        readiness.wait(&mut ready).unwrap();
        assert_eq!(ready, [9], "as long as there is something to read");
    }
    readiness
        .change(near.as_raw_fd(), 9, Interest::Nothing)
        .unwrap();
    (&_other_end).write_all(b"x").unwrap();
    ready.clear();
    readiness.wait(&mut ready).unwrap();
    assert_eq!(ready, [7]);

    near.read_exact(&mut [0]).unwrap();
    readiness.unwatch(quiet.as_raw_fd());
    readiness
        .change(near.as_raw_fd(), 10, Interest::Read)
        .unwrap();
    drop(far);
    ready.clear();
    readiness.wait(&mut ready).unwrap();
    assert_eq!(
        ready,
        [10],
        "the end of the stream is readable, and a removed descriptor is not reported"
    );
}

#[test]
fn epoll_reports_ready_descriptors() {
    check_ready_descriptors(Epoll::new().unwrap());
}

#[test]
fn poll_reports_ready_descriptors() {
    check_ready_descriptors(Poll::default());
}

#[test]
fn select_reports_ready_descriptors() {
    check_ready_descriptors(Select::default());
}

#[test]
fn select_refuses_descriptors_without_a_bit() {
    let error = Select::default()
        .watch(1024, 0, Interest::Read)
        .unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    Select::default().watch(1023, 0, Interest::Read).unwrap();
}
