//! Parses a reply as it arrives: the head, then a body of the announced length or up to the end of the connection.

use nix::errno::Errno;

use crate::traffic::http::{self, MAX_HEAD};

/// A reply being received.
#[derive(Debug)]
pub(super) struct Reply {
    state: ReplyState,
    /// True if the server keeps the connection open after it.
    keeps: bool,
    status: Option<u16>,
}

#[derive(Debug)]
enum ReplyState {
    Head(Vec<u8>),
    /// The number of body bytes still to come; `None` if the body lasts until the connection ends.
    Body(Option<u64>),
}

impl Reply {
    pub(super) fn new() -> Self {
        Self {
            state: ReplyState::Head(Vec::new()),
            keeps: true,
            status: None,
        }
    }

    /// Takes received bytes, and returns the number of body bytes among them.
    ///
    /// # Errors
    /// EMSGSIZE if the head is too long.
    pub(super) fn feed(&mut self, arrived: &[u8]) -> Result<u64, Errno> {
        let ReplyState::Head(before) = &mut self.state else {
            return Ok(self.feed_body(arrived.len() as u64));
        };
        let joined;
        let all = if before.is_empty() {
            arrived
        } else {
            before.extend(arrived);
            joined = std::mem::take(before);
            &joined
        };
        match http::parse_head(all) {
            Some(head) => {
                self.keeps = head.keep_alive && head.content_length.is_some();
                self.status = head.status;
                self.state = ReplyState::Body(head.content_length);
                Ok(self.feed_body((all.len() - head.length) as u64))
            }
            None if all.len() > MAX_HEAD => Err(Errno::EMSGSIZE),
            None => {
                self.state = ReplyState::Head(all.to_vec());
                Ok(0)
            }
        }
    }

    fn feed_body(&mut self, count: u64) -> u64 {
        if let ReplyState::Body(Some(left)) = &mut self.state {
            let of_body = count.min(*left);
            *left -= of_body;
            return of_body;
        }
        count
    }

    /// Returns true if everything announced has arrived.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.state, ReplyState::Body(Some(0)))
    }

    /// Returns true if the reply is complete should the connection end now.
    pub(super) fn is_whole_at_end(&self) -> bool {
        matches!(self.state, ReplyState::Body(None | Some(0)))
    }

    /// Returns the status code, once the head has arrived, if it has one.
    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    /// Returns true if the server keeps the connection open after it.
    pub(super) fn keeps_connection(&self) -> bool {
        self.keeps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_may_arrive_byte_by_byte() {
        let mut reply = Reply::new();
        let mut bytes = 0;
        for byte in [http::ok(3, true), b"abc".to_vec()].concat() {
            assert!(!reply.is_whole());
            bytes += reply.feed(&[byte]).unwrap();
        }
        assert!(reply.is_whole() && reply.keeps_connection());
        assert_eq!(bytes, 3);
    }

    #[test]
    fn a_reply_without_a_length_ends_with_the_connection() {
        let mut reply = Reply::new();
        assert!(!reply.is_whole_at_end());
        assert_eq!(reply.feed(b"HTTP/1.1 200 OK\r\n\r\nabc").unwrap(), 3);
        assert!(!reply.is_whole() && reply.is_whole_at_end() && !reply.keeps_connection());
    }

    #[test]
    fn a_head_that_does_not_end_is_refused() {
        assert_eq!(
            Reply::new().feed(&[b'x'; MAX_HEAD + 1]),
            Err(Errno::EMSGSIZE)
        );
    }
}
