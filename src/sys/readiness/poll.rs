//! poll(2): each call passes the whole set to the kernel, so the cost of a wait depends on the size of the set.

use std::collections::HashMap;
use std::io;
use std::os::fd::RawFd;

use nix::errno::Errno;

use super::{Interest, ReadinessSet};

/// A set for poll(2).
#[derive(Debug, Default)]
pub struct Poll {
    fds: Vec<libc::pollfd>,
    tokens: Vec<u64>,
    places: HashMap<RawFd, usize>,
}

impl ReadinessSet for Poll {
    fn watch(&mut self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.places.insert(fd, self.fds.len());
        self.fds.push(pollfd(fd, interest));
        self.tokens.push(token);
        Ok(())
    }

    fn change(&mut self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        let place = *self.places.get(&fd).ok_or(Errno::ENOENT)?;
        // The kernel skips entries with a negative descriptor.
        self.fds[place] = pollfd(fd, interest);
        self.tokens[place] = token;
        Ok(())
    }

    fn unwatch(&mut self, fd: RawFd) {
        let Some(place) = self.places.remove(&fd) else {
            return;
        };
        self.fds.swap_remove(place);
        self.tokens.swap_remove(place);
        if let Some(moved) = self.fds.get(place) {
            let moved = if moved.fd < 0 { !moved.fd } else { moved.fd };
            self.places.insert(moved, place);
        }
    }

    #[expect(unsafe_code, reason = "nix's wrapper requires borrowed descriptors")]
    fn wait(&mut self, ready: &mut Vec<u64>) -> io::Result<()> {
        let count = self.fds.len() as libc::nfds_t;
        // SAFETY: pointer and count describe the vector, which nothing else uses during the call.
        match Errno::result(unsafe { libc::poll(self.fds.as_mut_ptr(), count, -1) }) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let watched = self.fds.iter().zip(&self.tokens);
        ready.extend(
            watched
                .filter(|(fd, _)| fd.revents != 0)
                .map(|(_, token)| *token),
        );
        Ok(())
    }
}

fn pollfd(fd: RawFd, interest: Interest) -> libc::pollfd {
    let (fd, events) = match interest {
        Interest::Read => (fd, libc::POLLIN),
        Interest::Write => (fd, libc::POLLOUT),
        Interest::Nothing => (!fd, 0),
    };
    libc::pollfd {
        fd,
        events,
        revents: 0,
    }
}
