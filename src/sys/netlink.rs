//! A blocking netlink socket: batches of requests, acknowledgements, dumps.
//!
//! It handles only the envelope (netlink(7), Linux `include/uapi/linux/netlink.h`). The contents of messages
//! are in the modules of each protocol: links and routes, nf_tables, conntrack, sock_diag.

use std::io;
use std::os::fd::AsRawFd;

use netlink_sys::{Socket, SocketAddr};
use thiserror::Error;

pub use self::batch::Batch;

mod batch;

/// `NLM_F_REQUEST`: this is a request.
pub const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
/// `NLM_F_ACK`: send an acknowledgement.
pub const ACK: u16 = libc::NLM_F_ACK as u16;
/// `NLM_F_DUMP`: answer with everything that matches.
pub const DUMP: u16 = libc::NLM_F_DUMP as u16;
/// `NLM_F_CREATE`: create the object if it does not exist.
pub const CREATE: u16 = libc::NLM_F_CREATE as u16;
/// `NLM_F_EXCL`: fail if the object exists.
pub const EXCL: u16 = libc::NLM_F_EXCL as u16;
/// `NLM_F_REPLACE`: replace the object if it exists.
pub const REPLACE: u16 = libc::NLM_F_REPLACE as u16;
/// `NLM_F_APPEND`: add the object at the end.
pub const APPEND: u16 = libc::NLM_F_APPEND as u16;

/// Bytes of `struct nlmsghdr`.
const HEADER: usize = 16;
/// `NLMSG_ALIGNTO` and `NLA_ALIGNTO`.
const ALIGN: usize = 4;
/// Bytes per read of a dump; the kernel puts at most 32 KiB into one datagram (`af_netlink.c`, `netlink_dump`).
const READ_DUMP: usize = 64 * 1024;
/// Bytes per read of other answers, which are single messages of at most a few KiB.
const READ: usize = 8 * 1024;
/// Extended acknowledgement attribute with the kernel's message, `NLMSGERR_ATTR_MSG`.
const EXT_ACK_MESSAGE: u16 = 1;

/// An error of a netlink request.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum NetlinkError {
    /// A call on the socket failed.
    #[error("the netlink socket failed")]
    Socket(#[source] io::Error),
    /// The kernel refused a request.
    #[error("the kernel refused request {index}{}", detail(.text.as_deref()))]
    Refused {
        /// Index of the message in the batch, from 0.
        index: usize,
        /// The kernel's message, if it gave one.
        text: Option<String>,
        #[source]
        source: io::Error,
    },
    /// The answer is shorter than the protocol says.
    #[error("the answer from the kernel is truncated")]
    Truncated,
}

fn detail(text: Option<&str>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

impl NetlinkError {
    /// Counts the messages of earlier parts of the batch in the index.
    fn behind(self, before: usize) -> Self {
        match self {
            Self::Refused {
                index,
                text,
                source,
            } => Self::Refused {
                index: before + index,
                text,
                source,
            },
            other => other,
        }
    }

    /// Returns the errno, if the kernel gave one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Socket(error) | Self::Refused { source: error, .. } => error.raw_os_error(),
            Self::Truncated => None,
        }
    }
}

/// Appends an attribute (`struct nlattr`) to a message body.
pub fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    body.extend_from_slice(&length.to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
    pad(body);
}

/// Appends an attribute that contains attributes (`NLA_F_NESTED`).
pub fn nested(body: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = body.len();
    body.extend_from_slice(&[0; 2]);
    body.extend_from_slice(&(kind | libc::NLA_F_NESTED as u16).to_ne_bytes());
    fill(body);
    let length = u16::try_from(body.len() - start).unwrap_or(u16::MAX);
    body[start..start + 2].copy_from_slice(&length.to_ne_bytes());
}

/// Iterates over the attributes of a message body: type (without flags) and value. Stops at the first truncated one.
pub fn attributes(mut body: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(body, 0)?);
        let kind = u16_at(body, 2)? & libc::NLA_TYPE_MASK as u16;
        let value = body.get(4..length)?;
        body = body.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(aligned(bytes.len()), 0);
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(ALIGN)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A netlink socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Opens a socket of a protocol (`NETLINK_ROUTE`, `NETLINK_NETFILTER` or `NETLINK_SOCK_DIAG` of `libc`)
    /// in the calling thread's namespace, with extended acknowledgements.
    ///
    /// # Errors
    /// The errors of socket(2): EPROTONOSUPPORT if the kernel does not have the protocol.
    pub fn open(protocol: i32) -> Result<Self, NetlinkError> {
        let open = || {
            let mut socket = Socket::new(protocol as isize)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            // Both options are optional: kernels before 4.12 and 4.3 do not have them.
            let _optional = socket.set_ext_ack(true);
            let _whole_request_echoed = socket.set_cap_ack(true);
            Ok(socket)
        };
        Ok(Self {
            socket: open().map_err(NetlinkError::Socket)?,
            sequence: 0,
            buffer: vec![0; READ],
        })
    }

    /// Sends a batch in one call, with a sequence number in every message. Returns the first of these numbers.
    ///
    /// # Errors
    /// The errors of sendto(2).
    pub fn send(&mut self, batch: &mut Batch) -> Result<u32, NetlinkError> {
        let first = self.sequence.wrapping_add(1);
        for (index, start) in batch.starts.iter().enumerate() {
            let sequence = first.wrapping_add(u32::try_from(index).unwrap_or(u32::MAX));
            batch.bytes[start + 8..start + 12].copy_from_slice(&sequence.to_ne_bytes());
            self.sequence = sequence;
        }
        let sent = self
            .socket
            .send(&batch.bytes, 0)
            .map_err(NetlinkError::Socket)?;
        if sent == batch.bytes.len() {
            Ok(first)
        } else {
            Err(NetlinkError::Truncated)
        }
    }

    /// Sends a batch and waits until its last message is acknowledged; that message must request it
    /// ([`ACK`]). Earlier messages need not: the kernel always answers failed ones, in order. A large batch is sent in
    /// parts; after a refusal, the parts behind it are not sent.
    ///
    /// # Errors
    /// The first refusal, with the index of its message in the batch.
    pub fn request(&mut self, batch: Batch) -> Result<(), NetlinkError> {
        let mut before = 0;
        for part in batch.parts() {
            let count = part.len();
            if let Some(last) = count.checked_sub(1) {
                self.request_until(part, last, |_| false)
                    .map_err(|error| error.behind(before))?;
            }
            before += count;
        }
        Ok(())
    }

    /// Sends an nfnetlink transaction. Its last message is the end mark, and the one before it
    /// requests the acknowledgement ([`ACK`]). If the kernel refuses the begin mark, it answers
    /// nothing else (Linux `net/netfilter/nfnetlink.c`).
    ///
    /// # Errors
    /// The first refusal, with the index of its message in the batch. Nothing has been changed in that case.
    pub fn transact(&mut self, batch: Batch) -> Result<(), NetlinkError> {
        match batch.len().checked_sub(2) {
            Some(last) => self.request_until(batch, last, |refused| refused == 0),
            None => Ok(()),
        }
    }

    fn request_until(
        &mut self,
        mut batch: Batch,
        awaited: usize,
        is_final: impl Fn(u32) -> bool,
    ) -> Result<(), NetlinkError> {
        let first = self.send(&mut batch)?;
        let mut refusal = None;
        loop {
            let done = self.receive(|sequence, kind, body| {
                if i32::from(kind) != libc::NLMSG_ERROR {
                    return Ok(false);
                }
                let index = sequence.wrapping_sub(first);
                let mut done = index as usize == awaited;
                if let Err(error) = verdict(index, body) {
                    refusal.get_or_insert(error);
                    done |= is_final(index);
                }
                Ok(done)
            })?;
            if done {
                return refusal.map_or(Ok(()), Err);
            }
        }
    }

    /// Sends one dump request and passes each answer's type and body to `each`, until the kernel reports the end.
    ///
    /// # Errors
    /// The kernel refuses the request.
    pub fn dump(
        &mut self,
        kind: u16,
        flags: u16,
        body: impl FnOnce(&mut Vec<u8>),
        mut each: impl FnMut(u16, &[u8]),
    ) -> Result<(), NetlinkError> {
        self.buffer.resize(READ_DUMP, 0);
        let mut batch = Batch::new();
        batch.push(kind, flags | DUMP, body);
        let sent = self.send(&mut batch)?;
        let mut receive = || {
            self.receive(|sequence, kind, body| {
                if sequence != sent {
                    return Ok(false);
                }
                match i32::from(kind) {
                    libc::NLMSG_DONE => Ok(true),
                    libc::NLMSG_ERROR => verdict(0, body).map(|()| true),
                    _ => {
                        each(kind, body);
                        Ok(false)
                    }
                }
            })
        };
        let result = loop {
            match receive() {
                Ok(true) => break Ok(()),
                Ok(false) => {}
                Err(error) => break Err(error),
            }
        };
        // Thousands of sockets would otherwise keep as many large buffers.
        self.buffer.truncate(READ);
        self.buffer.shrink_to_fit();
        result
    }

    /// Sends one request and passes its only answer to `read`.
    ///
    /// # Errors
    /// The kernel refuses the request.
    pub fn get<T>(
        &mut self,
        kind: u16,
        body: impl FnOnce(&mut Vec<u8>),
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, NetlinkError> {
        let mut batch = Batch::new();
        batch.push(kind, 0, body);
        let sent = self.send(&mut batch)?;
        let mut answer = None;
        loop {
            let done = self.receive(|sequence, kind, body| {
                if sequence != sent {
                    return Ok(false);
                }
                if i32::from(kind) == libc::NLMSG_ERROR {
                    verdict(0, body)?;
                } else {
                    answer = read(body);
                }
                Ok(true)
            })?;
            if done {
                return answer.ok_or(NetlinkError::Truncated);
            }
        }
    }

    /// Reads one datagram and passes each message (sequence, type, body) to `each`. Returns whether
    /// any call returned `true`.
    fn receive(
        &mut self,
        each: impl FnMut(u32, u16, &[u8]) -> Result<bool, NetlinkError>,
    ) -> Result<bool, NetlinkError> {
        let length = loop {
            match self.socket.recv(&mut &mut self.buffer[..], 0) {
                Ok(length) => break length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(NetlinkError::Socket(error)),
            }
        };
        let datagram = self.buffer.get(..length).ok_or(NetlinkError::Truncated)?;
        messages(datagram, each)
    }
}

/// Passes each message of a datagram (sequence, type, body) to `each`. Returns whether any call returned `true`.
pub(super) fn messages(
    mut rest: &[u8],
    mut each: impl FnMut(u32, u16, &[u8]) -> Result<bool, NetlinkError>,
) -> Result<bool, NetlinkError> {
    let mut done = false;
    while rest.len() >= HEADER {
        let size = u32_at(rest, 0).ok_or(NetlinkError::Truncated)? as usize;
        let kind = u16_at(rest, 4).ok_or(NetlinkError::Truncated)?;
        let sequence = u32_at(rest, 8).ok_or(NetlinkError::Truncated)?;
        let body = rest.get(HEADER..size).ok_or(NetlinkError::Truncated)?;
        done |= each(sequence, kind, body)?;
        rest = rest.get(aligned(size)..).unwrap_or_default();
    }
    Ok(done)
}

impl AsRawFd for Netlink {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}

/// Parses `struct nlmsgerr`: `Ok` for an acknowledgement.
pub(super) fn verdict(index: u32, body: &[u8]) -> Result<(), NetlinkError> {
    let errno = u32_at(body, 0)
        .ok_or(NetlinkError::Truncated)?
        .cast_signed();
    if errno == 0 {
        return Ok(());
    }
    // The echoed request header follows (with NETLINK_CAP_ACK nothing more of the request),
    // then the extended attributes.
    let text = body
        .get(4 + HEADER..)
        .and_then(|rest| attributes(rest).find(|(kind, _)| *kind == EXT_ACK_MESSAGE))
        .map(|(_, text)| {
            String::from_utf8_lossy(text)
                .trim_end_matches('\0')
                .to_owned()
        });
    Err(NetlinkError::Refused {
        index: index as usize,
        text,
        source: io::Error::from_raw_os_error(errno.wrapping_neg()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_they_were_written() {
        let mut body = Vec::new();
        attribute(&mut body, 7, b"abc");
        nested(&mut body, 9, |inner| attribute(inner, 1, &[1, 2, 3, 4]));
        let read: Vec<_> = attributes(&body).collect();
        assert_eq!(read[0], (7, b"abc".as_slice()));
        assert_eq!(read[1].0, 9);
        assert_eq!(
            attributes(read[1].1).collect::<Vec<_>>(),
            [(1, [1, 2, 3, 4].as_slice())]
        );
    }

    #[test]
    fn a_truncated_attribute_ends_the_list() {
        assert_eq!(attributes(&[8, 0, 1, 0, 5]).count(), 0);
        assert_eq!(attributes(&[0, 0, 1, 0]).count(), 0);
    }

    #[test]
    fn the_links_of_this_namespace_can_be_dumped() {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE).unwrap();
        let mut links = 0;
        netlink
            .dump(
                libc::RTM_GETLINK,
                0,
                |body| body.extend_from_slice(&[0; 16]),
                |_, _| links += 1,
            )
            .unwrap();
        assert!(links >= 1, "there is always `lo`");
    }

    #[test]
    fn a_refusal_names_the_message_of_the_batch() {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE).unwrap();
        let mut batch = Batch::new();
        batch.push(libc::RTM_GETLINK, ACK, |body| {
            body.extend_from_slice(&[0; 4]);
            body.extend_from_slice(&i32::MAX.to_ne_bytes());
            body.extend_from_slice(&[0; 8]);
        });
        let error = netlink.request(batch).unwrap_err();
        assert_eq!(error.errno(), Some(libc::ENODEV));
    }
}
