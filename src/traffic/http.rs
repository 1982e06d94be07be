//! The part of HTTP/1 (RFC 9112) that a client and a server need to exchange bodies: building and parsing heads.

/// Greatest length of a request head. Apache allows as much for one header line (`LimitRequestFieldSize`).
pub(crate) const MAX_HEAD: usize = 8 * 1024;

/// The relevant parts of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Length in bytes, including the empty line.
    pub(crate) length: usize,
    /// Length of the body, if the head gives it.
    pub(crate) content_length: Option<u64>,
    /// True if the connection stays open, as the head says or else by the default of its version.
    pub(crate) keep_alive: bool,
    /// Status code, in the head of a reply.
    pub(crate) status: Option<u16>,
}

/// Parses a head from the start of the received bytes; `None` if it is incomplete.
pub(crate) fn parse_head(arrived: &[u8]) -> Option<Head> {
    let length = end_of_head(arrived)?;
    let mut lines = arrived[..length].split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default().trim_ascii();
    // A request line ends with the version, a status line begins with it.
    let is_1_0 = first.ends_with(b"HTTP/1.0") || first.starts_with(b"HTTP/1.0");
    let mut head = Head {
        length,
        content_length: None,
        keep_alive: !is_1_0,
        status: status(first),
    };
    for (name, value) in lines.filter_map(field) {
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

/// Splits a header line into name and value.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    Some((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()))
}

fn status(first_line: &[u8]) -> Option<u16> {
    let rest = first_line.strip_prefix(b"HTTP/1.")?;
    std::str::from_utf8(rest.get(2..5)?).ok()?.parse().ok()
}

/// Returns a head as a proxy forwards it: without the header lines about the incoming connection (RFC 9110, section
/// 7.6.1), and with one about the outgoing connection. A request is forwarded as HTTP/1.0, so no reply comes in chunks.
pub(crate) fn pass_on(head: &[u8], keep_alive: bool) -> Vec<u8> {
    const OF_ONE_CONNECTION: [&[u8]; 3] = [b"connection", b"keep-alive", b"proxy-connection"];
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.next().unwrap_or_default();
    let mut passed = match first.strip_suffix(b"HTTP/1.1") {
        Some(request) => [request, b"HTTP/1.0"].concat(),
        None => first.to_vec(),
    };
    passed.extend(b"\r\n");
    for line in lines.filter(|line| !line.is_empty()) {
        let ends_here = field(line).is_some_and(|(name, _)| {
            let mut names = OF_ONE_CONNECTION.iter();
            names.any(|known| name.eq_ignore_ascii_case(known))
        });
        if !ends_here {
            passed.extend(line);
            passed.extend(b"\r\n");
        }
    }
    passed.extend(format!("Connection: {}\r\n\r\n", connection(keep_alive)).as_bytes());
    passed
}

fn end_of_head(arrived: &[u8]) -> Option<usize> {
    let end = arrived.windows(4).position(|four| four == b"\r\n\r\n");
    end.map(|position| position + 4)
}

/// Returns the request of a client that wants a body.
pub(crate) fn get(keep_alive: bool) -> Vec<u8> {
    let connection = connection(keep_alive);
    format!("GET / HTTP/1.1\r\nHost: nslab\r\nConnection: {connection}\r\n\r\n").into_bytes()
}

/// Returns the head of a request with a body.
pub(crate) fn post(length: u64, keep_alive: bool) -> Vec<u8> {
    let connection = connection(keep_alive);
    let head = format!("POST / HTTP/1.1\r\nHost: nslab\r\nConnection: {connection}\r\n");
    format!("{head}Content-Length: {length}\r\n\r\n").into_bytes()
}

/// Returns the head of a successful reply.
pub(crate) fn ok(length: u64, keep_alive: bool) -> Vec<u8> {
    let connection = connection(keep_alive);
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n")
        .into_bytes()
}

/// Returns the reply of a proxy whose kept connection to the server behind it turned out to be dead.
pub(crate) fn bad_gateway(keep_alive: bool) -> Vec<u8> {
    empty_reply("502 Bad Gateway", keep_alive)
}

/// Returns the reply of a proxy that could not reach the server behind it, or got no reply from it.
pub(crate) fn unavailable(keep_alive: bool) -> Vec<u8> {
    empty_reply("503 Service Unavailable", keep_alive)
}

fn empty_reply(status: &str, keep_alive: bool) -> Vec<u8> {
    let connection = connection(keep_alive);
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: {connection}\r\n\r\n")
        .into_bytes()
}

fn connection(keep_alive: bool) -> &'static str {
    if keep_alive { "keep-alive" } else { "close" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_decides_if_no_header_does() {
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
    fn a_head_is_complete_with_its_empty_line_and_excludes_the_body() {
        let all = post(5, false);
        assert_eq!(parse_head(&all[..all.len() - 1]), None);
        let head = parse_head(&[&all[..], b"12345"].concat()).unwrap();
        assert_eq!(head.length, all.len());
        assert_eq!(head.content_length, Some(5));
        assert!(!head.keep_alive);
    }

    #[test]
    fn generated_heads_parse_back() {
        assert!(parse_head(&get(true)).unwrap().keep_alive);
        assert!(!parse_head(&get(false)).unwrap().keep_alive);
        let head = parse_head(&ok(1024, true)).unwrap();
        assert_eq!((head.content_length, head.keep_alive), (Some(1024), true));
        assert_eq!(head.status, Some(200));
        assert_eq!(parse_head(&get(true)).unwrap().status, None);
        let head = parse_head(&unavailable(false)).unwrap();
        assert_eq!((head.status, head.keep_alive), (Some(503), false));
    }

    #[test]
    fn headers_about_a_connection_are_not_forwarded() {
        let request = b"GET /a HTTP/1.1\r\nHost: b\r\nConnection: close\r\nKeep-Alive: 5\r\n\r\n";
        let passed = String::from_utf8(pass_on(request, true)).unwrap();
        let expected = "GET /a HTTP/1.0\r\nHost: b\r\nConnection: keep-alive\r\n\r\n";
        assert_eq!(passed, expected);
        let reply = b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nContent-Length: 2\r\n\r\n";
        let passed = String::from_utf8(pass_on(reply, false)).unwrap();
        let expected = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
        assert_eq!(passed, expected);
    }
}
