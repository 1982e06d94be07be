//! As much of HTTP/1 (RFC 9112) as a client and a server need to trade one body for another: heads, not bodies.

/// A request head is at most this long: what Apache allows one header line (`LimitRequestFieldSize`), here for the whole.
pub(crate) const MAX_HEAD: usize = 8 * 1024;

/// What matters of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its length in bytes, the empty line included.
    pub(crate) length: usize,
    /// Body bytes that follow, where it says so.
    pub(crate) content_length: Option<u64>,
    /// Whether the connection is to stay open: what it says, or what its version means when it says nothing.
    pub(crate) keep_alive: bool,
}

/// Reads a head from the beginning of what has arrived; `None` where it is not whole yet.
pub(crate) fn parse_head(arrived: &[u8]) -> Option<Head> {
    let length = end_of_head(arrived)?;
    let mut lines = arrived[..length].split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default().trim_ascii();
    // A request ends with its version, a reply begins with it.
    let is_1_0 = first.ends_with(b"HTTP/1.0") || first.starts_with(b"HTTP/1.0");
    let mut head = Head {
        length,
        content_length: None,
        keep_alive: !is_1_0,
    };
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            head.content_length = std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok());
        } else if name.eq_ignore_ascii_case(b"connection") {
            for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if option.eq_ignore_ascii_case(b"close") {
                    head.keep_alive = false;
                } else if option.eq_ignore_ascii_case(b"keep-alive") {
                    head.keep_alive = true;
                }
            }
        }
    }
    Some(head)
}

fn end_of_head(arrived: &[u8]) -> Option<usize> {
    let end = arrived.windows(4).position(|four| four == b"\r\n\r\n");
    end.map(|position| position + 4)
}

/// The request of a client that wants a body.
pub(crate) fn get(keep_alive: bool) -> Vec<u8> {
    let connection = connection(keep_alive);
    format!("GET / HTTP/1.1\r\nHost: nslab\r\nConnection: {connection}\r\n\r\n").into_bytes()
}

/// The head of a request that brings a body.
pub(crate) fn post(length: u64) -> Vec<u8> {
    let head = "POST / HTTP/1.1\r\nHost: nslab\r\nConnection: close\r\n";
    format!("{head}Content-Length: {length}\r\n\r\n").into_bytes()
}

/// The head of a reply.
pub(crate) fn ok(length: u64, keep_alive: bool) -> Vec<u8> {
    let connection = connection(keep_alive);
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n")
        .into_bytes()
}

fn connection(keep_alive: bool) -> &'static str {
    if keep_alive { "keep-alive" } else { "close" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_what_no_header_says() {
        let keeps = |head: &str| parse_head(head.as_bytes()).unwrap().keep_alive;
        assert!(keeps("GET / HTTP/1.1\r\n\r\n"));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
        assert!(!keeps(
            "GET / HTTP/1.1\r\nconnection: upgrade, close\r\n\r\n"
        ));
        assert!(!keeps("HTTP/1.0 200 OK\r\n\r\n"));
        assert!(keeps("HTTP/1.1 200 OK\r\n\r\n"));
    }

    #[test]
    fn a_head_is_whole_with_its_empty_line_and_the_body_is_not_its() {
        let all = post(5);
        assert_eq!(parse_head(&all[..all.len() - 1]), None);
        let head = parse_head(&[&all[..], b"12345"].concat()).unwrap();
        assert_eq!(head.length, all.len());
        assert_eq!(head.content_length, Some(5));
        assert!(!head.keep_alive);
    }

    #[test]
    fn what_one_end_writes_the_other_reads() {
        assert!(parse_head(&get(true)).unwrap().keep_alive);
        assert!(!parse_head(&get(false)).unwrap().keep_alive);
        let head = parse_head(&ok(1024, true)).unwrap();
        assert_eq!((head.content_length, head.keep_alive), (Some(1024), true));
    }
}
