//! A server of blocking workers, like a prefork or thread-pool server: each serves one connection to its end before it
//! accepts another. An idle connection occupies its worker.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;

use super::ServerShared;
use super::conversation::{Conversation, ConversationNext};
use crate::sys::readiness::Interest;
use crate::sys::sockopt;
use crate::traffic::socket_options;

/// Stack size of a worker. Its [`BUFFER`] is on the heap, so 128 KiB is ample.
const STACK: usize = 128 * 1024;
/// Size of a worker's read buffer.
const BUFFER: usize = 16 * 1024;
/// Pause of a worker that found no free descriptor for a connection.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Runs the workers until the server is stopped.
pub(super) fn run(
    shared: &Arc<ServerShared>,
    listener: &Arc<Socket>,
    threads: u32,
    ready: impl FnOnce(),
) -> io::Result<()> {
    let mut workers = Vec::new();
    for _ in 0..threads {
        let (shared, listener) = (Arc::clone(shared), Arc::clone(listener));
        let worker = std::thread::Builder::new()
            .name("pool-worker".to_owned())
            .stack_size(STACK)
            .spawn(move || work(&shared, &listener))?;
        workers.push(worker);
    }
    ready();
    for worker in workers {
        worker
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("a worker panicked")))?;
    }
    Ok(())
}

fn work(shared: &ServerShared, listener: &Socket) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    while wait(shared, Some((listener, PollFlags::POLLIN)), None)? != WakeReason::Stopped {
        match sockopt::accept(listener) {
            Ok(socket) => serve(shared, socket, &mut buffer)?,
            Err(error) => match error.raw_os_error().unwrap_or(libc::EIO) {
                // Another worker has accepted it.
                libc::EAGAIN | libc::EINTR => {}
                errno => {
                    shared.count_error(errno);
                    wait(shared, None, Some(RETRY_PAUSE))?;
                }
            },
        }
    }
    shared.count_cpu();
    Ok(())
}

fn serve(shared: &ServerShared, socket: Socket, buffer: &mut [u8]) -> io::Result<()> {
    socket_options::apply_established(&shared.options, &socket);
    let mut conversation = Conversation::new(socket);
    let mut progress = conversation.advance(&shared.policy, buffer);
    shared.count_accepted(&progress);
    let mut has_replied = progress.replies > 0;
    loop {
        let (interest, pause) = match progress.next {
            ConversationNext::Wait(interest) => (interest, None),
            ConversationNext::Pause(pause) => (Interest::Nothing, Some(pause)),
            ConversationNext::Close | ConversationNext::Fail(_) => return Ok(()),
        };
        let flags = match interest {
            Interest::Read => PollFlags::POLLIN,
            Interest::Write => PollFlags::POLLOUT,
            Interest::Nothing => PollFlags::empty(),
        };
        let may_time_out = shared.closes_idle && has_replied && conversation.is_idle();
        // poll(2) counts milliseconds; adding one avoids spinning at the end.
        let pause = pause.map(|pause| pause + Duration::from_millis(1));
        let timeout = pause.or(may_time_out.then_some(shared.keep_alive));
        let on = (interest != Interest::Nothing).then_some((&conversation.socket, flags));
        match wait(shared, on, timeout)? {
            WakeReason::Stopped if shared.stop.resets() => {
                sockopt::reset_on_close(&conversation.socket);
                return Ok(());
            }
            WakeReason::TimedOut if pause.is_some() => {}
            WakeReason::Stopped | WakeReason::TimedOut => return Ok(()),
            WakeReason::Ready => {}
        }
        progress = conversation.advance(&shared.policy, buffer);
        shared.count(&progress);
        has_replied |= progress.replies > 0;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum WakeReason {
    Stopped,
    Ready,
    TimedOut,
}

/// Waits for a socket, if one is given, and always for the end of the server.
fn wait(
    shared: &ServerShared,
    on: Option<(&Socket, PollFlags)>,
    timeout: Option<Duration>,
) -> io::Result<WakeReason> {
    let timeout = timeout.map_or(PollTimeout::NONE, |timeout| {
        PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX)
    });
    let mut fds = vec![PollFd::new(shared.stop.as_fd(), PollFlags::POLLIN)];
    fds.extend(on.map(|(socket, flags)| PollFd::new(socket.as_fd(), flags)));
    match poll(&mut fds, timeout) {
        _ if shared.stop.is_raised() => Ok(WakeReason::Stopped),
        Ok(0) => Ok(WakeReason::TimedOut),
        Ok(_) | Err(nix::Error::EINTR) => Ok(WakeReason::Ready),
        Err(error) => Err(error.into()),
    }
}
