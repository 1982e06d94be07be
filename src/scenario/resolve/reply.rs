//! Resolves the replies of a server: whether it answers, with what, and how fast.

use crate::scenario::bounds::{MAX_DATAGRAM, MAX_TRANSFER};
use crate::scenario::decode::Framed;
use crate::scenario::document::{ReplyContent, ReplyDoc};
use crate::scenario::problem::Collector;
use crate::scenario::span::Spanned;
use crate::scenario::workload::{Answer, Protocol, ReplyPace};
use crate::units::ByteCount;

/// The least bytes of an answer over UDP: the identifier by which a client matches it.
const LEAST_ANSWER: u64 = 2;

/// The resolved replies of a server.
pub(crate) struct ResolvedReply {
    pub(crate) answer: Answer,
    pub(crate) bytes: ByteCount,
    pub(crate) pace: ReplyPace,
}

/// Resolves `reply`. By default, a TCP server replies without a body, and a UDP server with a copy.
pub(crate) fn reply(
    written: Option<&ReplyDoc>,
    protocol: Protocol,
    cx: &mut Collector<'_>,
) -> ResolvedReply {
    let mut resolved = ResolvedReply {
        answer: match protocol {
            Protocol::Tcp => Answer::Bytes,
            Protocol::Udp => Answer::Echo,
        },
        bytes: ByteCount(0),
        pace: ReplyPace::default(),
    };
    match written {
        None => {}
        Some(ReplyDoc::Content(content)) => resolved.set(*content, protocol, cx),
        Some(ReplyDoc::Form(form)) => {
            if let Some(content) = form.bytes {
                resolved.set(content, protocol, cx);
            }
            if let Some(after) = form.after {
                resolved.pace.after = after.value.0;
            }
            if let Some(rate) = form.rate {
                if protocol == Protocol::Udp {
                    cx.error(
                        rate.span,
                        "an answer over UDP is one datagram and has no `rate`",
                    )
                    .help("leave `rate` out, or give the link a `rate`");
                }
                resolved.pace.rate = Some(rate.value.0);
            }
            let silent = resolved.answer == Answer::Never;
            if silent && (form.after.is_some() || form.rate.is_some()) {
                cx.error(
                    form.head(),
                    "a server that never answers takes no time to do so",
                )
                .help("write `reply: never`");
            }
        }
    }
    resolved
}

impl ResolvedReply {
    fn set(&mut self, content: Spanned<ReplyContent>, protocol: Protocol, cx: &mut Collector<'_>) {
        match content.value {
            ReplyContent::Never => self.answer = Answer::Never,
            ReplyContent::Echo => {
                if protocol == Protocol::Tcp {
                    cx.error(content.span, "only a UDP server can `echo`")
                        .help("write the number of bytes of a reply: `reply: 1KiB`");
                }
                self.answer = Answer::Echo;
            }
            ReplyContent::Bytes(bytes) => {
                let bytes = bytes.0;
                if protocol == Protocol::Udp && !(LEAST_ANSWER..=MAX_DATAGRAM).contains(&bytes.0) {
                    cx.error(
                        content.span,
                        format!("an answer over UDP has {LEAST_ANSWER} to {MAX_DATAGRAM} bytes"),
                    )
                    .help("the first 2 bytes are those of the query, by which a client matches its answer");
                } else if bytes.0 > MAX_TRANSFER {
                    cx.error(content.span, "a reply is at most 1 PiB long");
                }
                (self.answer, self.bytes) = (Answer::Bytes, bytes);
            }
        }
    }
}
