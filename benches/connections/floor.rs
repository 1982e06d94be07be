//! The least that the kernel lets any program do for a request on a connection of its own: socket, connect, write, read
//! and close in a bare loop, with as many connections at once as the clients have.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nslab::sys::timer::thread_cpu_time;
use socket2::{Domain, Socket, Type};

/// Connections at once, as in the scenario.
const AT_ONCE: usize = 64;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n";

/// The time and the processor time of all requests.
pub(crate) struct Floor {
    pub(crate) took: Duration,
    pub(crate) processor: Duration,
}

/// Makes as many requests as given, and counts nothing.
pub(crate) fn requests(to: SocketAddr, count: u64) -> io::Result<Floor> {
    let (begun, before) = (Instant::now(), thread_cpu_time()?);
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    let mut connections = Vec::with_capacity(AT_ONCE);
    for slot in 0..AT_ONCE {
        connections.push(Connection::open(to, &epoll, slot)?);
    }
    let (mut left, mut open) = (count.saturating_sub(AT_ONCE as u64), AT_ONCE);
    let mut events = [EpollEvent::empty(); AT_ONCE];
    while open > 0 {
        let ready = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..ready] {
            let slot = usize::try_from(event.data()).unwrap_or_default();
            if !connections[slot].go_on()? {
                continue;
            }
            if left == 0 {
                open -= 1;
                connections[slot].ended = true;
                continue;
            }
            left -= 1;
            connections[slot] = Connection::open(to, &epoll, slot)?;
        }
    }
    Ok(Floor {
        took: begun.elapsed(),
        processor: thread_cpu_time()?.saturating_sub(before),
    })
}

struct Connection {
    socket: Socket,
    has_written: bool,
    ended: bool,
}

impl Connection {
    fn open(to: SocketAddr, epoll: &Epoll, slot: usize) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
        match socket.connect(&to.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let wanted = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        epoll.add(&socket, EpollEvent::new(wanted, slot as u64))?;
        Ok(Self {
            socket,
            has_written: false,
            ended: false,
        })
    }

    /// Writes the request or reads the reply. Returns true once the server has closed the connection.
    fn go_on(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if !self.has_written {
            (&self.socket).write_all(REQUEST)?;
            self.has_written = true;
            return Ok(false);
        }
        let mut reply = [0; 4096];
        loop {
            match (&self.socket).read(&mut reply) {
                Ok(0) => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}
