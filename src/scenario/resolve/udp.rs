//! Reports what servers and clients over UDP cannot have, and clients that speak the protocol of another server.

use super::load::protocol_of;
use super::server::protocol;
use super::target::ResolvedTarget;
use crate::scenario::document::{AcceptDoc, AcceptWord, ClientDoc, LOADS, ServerDoc};
use crate::scenario::problem::Collector;
use crate::scenario::suggest;
use crate::scenario::workload::Protocol;

/// Reports the keys that only a TCP server can have.
pub(crate) fn refuse_tcp_keys(server: &ServerDoc, cx: &mut Collector<'_>) {
    let keys = [
        ("backlog", server.backlog.map(|backlog| backlog.span)),
        ("close", server.close.map(|close| close.span)),
        ("keep-alive", server.keep_alive.map(|time| time.span)),
        ("forward", server.forward.as_ref().map(|to| to.span)),
    ];
    for (key, span) in keys {
        let Some(span) = span else { continue };
        cx.error(span, format!("a UDP server cannot have `{key}`"))
            .help("UDP has no connections: leave it out");
    }
    if server.so_keepalive.is_some_and(|on| on.0) {
        cx.error(server.port.span, "a UDP server cannot have `so-keepalive`")
            .help("UDP has no connections: leave it out");
    }
    let Some(accept) = &server.accept else { return };
    let possible = match &accept.value {
        AcceptDoc::Word(word) => matches!(word, AcceptWord::Epoll | AcceptWord::Never),
        AcceptDoc::Form(form) => form.pool.is_none(),
    };
    if !possible {
        cx.error(accept.span, "a UDP server cannot accept in this way")
            .help("it reads datagrams on one thread: use `epoll`, `never` or `{ delay: 50ms }`");
    }
}

/// Reports a client whose load needs the other protocol than its server speaks, and keys without a meaning for it.
pub(crate) fn check_client(
    client: &ClientDoc,
    target: Option<&ResolvedTarget<'_>>,
    cx: &mut Collector<'_>,
) {
    let Some(spoken) = protocol_of(client) else {
        return;
    };
    if spoken == Protocol::Udp {
        let keys = [
            ("port", client.port.map(|port| port.span)),
            ("request", client.request.map(|request| request.span)),
        ];
        for (key, span) in keys {
            let Some(span) = span else { continue };
            cx.error(span, format!("a client with `queries` cannot have `{key}`"))
                .help(
                    "leave it out: each query is a datagram, from a port that the kernel chooses",
                );
        }
        if client.so_keepalive.is_some_and(|on| on.0) {
            cx.error(
                client.to.span,
                "a client with `queries` cannot have `so-keepalive`",
            )
            .help("UDP has no connections: leave it out");
        }
    }
    let Some(server) = target.and_then(|target| target.server) else {
        return;
    };
    let there = protocol(server);
    if there == spoken {
        return;
    }
    let (message, help) = match there {
        Protocol::Udp => (
            format!("`{}` is a UDP server", client.to.value.0),
            "use the load `queries`".to_owned(),
        ),
        Protocol::Tcp => {
            let tcp = LOADS.iter().copied().filter(|load| *load != "queries");
            (
                format!(
                    "`{}` is a TCP server, and `queries` are sent over UDP",
                    client.to.value.0
                ),
                format!(
                    "give it `protocol: udp`, or use one of {}",
                    suggest::listed(&tcp.collect::<Vec<_>>())
                ),
            )
        }
    };
    cx.error(client.to.span, message).help(help);
}
