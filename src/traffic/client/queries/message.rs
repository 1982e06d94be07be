//! The datagrams of queries: a well-formed DNS question (RFC 1035, section 4), so that real name servers answer too.

/// Length of the header, which begins with the identifier of 16 bits.
const HEADER: usize = 12;
/// One question (`QDCOUNT`), recursion desired.
const FLAGS_AND_COUNTS: [u8; 10] = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
/// The name `nslab.test` (RFC 6761: `test` never resolves in the public), type A, class IN.
const QUESTION: &[u8] = b"\x05nslab\x04test\x00\x00\x01\x00\x01";

/// Returns a query with this identifier, filled up with zeros to `length`.
pub(super) fn query(id: u16, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length.max(HEADER + QUESTION.len()));
    bytes.extend(id.to_be_bytes());
    bytes.extend(FLAGS_AND_COUNTS);
    bytes.extend(QUESTION);
    bytes.resize(length.max(bytes.len()), 0);
    bytes
}

/// Returns the identifier of an answer; `None` if it is too short to have one.
pub(super) fn id_of(answer: &[u8]) -> Option<u16> {
    let id = answer.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::workload::QUERY_BYTES;

    #[test]
    fn a_query_has_its_identifier_and_its_length() {
        let shortest = query(0x1234, 0);
        assert_eq!(shortest.len() as u64, QUERY_BYTES);
        assert_eq!(id_of(&shortest), Some(0x1234));
        assert_eq!(query(1, 512).len(), 512);
        assert_eq!(id_of(&[1]), None);
    }
}
