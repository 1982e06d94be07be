//! Messages to the kernel that are sent together.

use super::{ACK, HEADER, REQUEST, pad};

/// Bytes of a batch that are sent at once; the send buffer takes 208 KiB by default, and the kernel refuses what is
/// larger with EMSGSIZE (Linux `net/netlink/af_netlink.c`, `netlink_sendmsg`).
const SENT_AT_ONCE: usize = 128 * 1024;

/// Messages to the kernel.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) starts: Vec<usize>,
}

impl Batch {
    /// Creates a batch without messages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of messages.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Returns whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Returns the size of the messages in bytes.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a message: type, flags, and the body after the header. The sequence number is filled in on sending.
    pub fn push(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.starts.push(start);
        self.bytes.extend_from_slice(&[0; HEADER]);
        body(&mut self.bytes);
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[start + 4..start + 6].copy_from_slice(&kind.to_ne_bytes());
        self.bytes[start + 6..start + 8].copy_from_slice(&(flags | REQUEST).to_ne_bytes());
        pad(&mut self.bytes);
    }

    /// Splits the batch into parts that can be sent, each with an acknowledgement of its last message.
    pub(super) fn parts(self) -> Vec<Self> {
        if self.bytes.len() <= SENT_AT_ONCE {
            return vec![self];
        }
        let ends = self.starts.iter().skip(1).copied();
        let ends = ends.chain([self.bytes.len()]);
        let mut parts = vec![Self::new()];
        for (start, end) in self.starts.iter().copied().zip(ends) {
            let message = &self.bytes[start..end];
            if let Some(part) = parts.last_mut()
                && part.bytes.len() + message.len() > SENT_AT_ONCE
                && !part.is_empty()
            {
                part.acknowledge_last();
                parts.push(Self::new());
            }
            if let Some(part) = parts.last_mut() {
                part.starts.push(part.bytes.len());
                part.bytes.extend_from_slice(message);
            }
        }
        parts
    }

    /// Makes the last message request an acknowledgement ([`ACK`]).
    pub fn acknowledge_last(&mut self) {
        if let Some(start) = self.starts.last() {
            let flags = &mut self.bytes[start + 6..start + 8];
            let requested = u16::from_ne_bytes([flags[0], flags[1]]) | ACK;
            flags.copy_from_slice(&requested.to_ne_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::u16_at;
    use super::*;

    #[test]
    fn large_batches_are_sent_in_parts_between_messages() {
        let mut batch = Batch::new();
        for number in 0..100 {
            batch.push(number, 0, |body| body.extend_from_slice(&[7; 5000]));
        }
        batch.acknowledge_last();
        let whole = batch.clone();
        let parts = batch.parts();
        assert!(parts.len() > 1);
        let joined: Vec<u8> = parts.iter().flat_map(|part| part.bytes.clone()).collect();
        assert_eq!(joined.len(), whole.bytes.len());
        assert_eq!(parts.iter().map(Batch::len).sum::<usize>(), whole.len());
        for part in &parts {
            assert!(part.byte_len() <= SENT_AT_ONCE);
            let last = &part.bytes[*part.starts.last().unwrap()..];
            assert_eq!(u16_at(last, 6), Some(REQUEST | ACK));
        }
        assert_eq!(Batch::new().parts().len(), 1);
    }
}
