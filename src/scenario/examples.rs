//! Examples for keys that are missing, and words of other programs for those of the format.

use super::forms::{Outline, scalar};
use super::node::Node;

/// Returns an example of a key that is missing, and that must be there.
pub(crate) fn missing(what: &str, key: &str, node: &Node, outline: &Outline) -> Option<String> {
    let toward = outline.toward.as_deref().unwrap_or("server");
    let server = outline.server.as_deref().unwrap_or("web");
    // `8080: web`, as in other programs.
    if what == "`dnat`"
        && let [entry] = node.entries()
        && entry.key.text.bytes().all(|byte| byte.is_ascii_digit())
    {
        let (port, to) = (&entry.key.text, scalar(&entry.value)?);
        return Some(format!("write `dnat: {{ port: {port}, to: {to} }}`"));
    }
    let example = match (what, key) {
        ("a server", "node") => format!("node: {toward}"),
        ("a client" | "a command", "node") => {
            format!("node: {}", outline.first.as_deref().unwrap_or("client"))
        }
        ("a server", "port") => "port: 80".to_owned(),
        ("`dnat`", "port") => "port: 8080".to_owned(),
        ("a client" | "`dnat`" | "`forward`", "to") => format!("to: {server}"),
        ("`masquerade`" | "`snat`", "toward") => format!("toward: {toward}"),
        ("a step", "at") => "at: 5s".to_owned(),
        ("a command", "run") => "run: [ss, -tan]".to_owned(),
        ("a link", "between") => "between: [client, server]".to_owned(),
        ("`connect`" | "`flood`" | "`requests`" | "`queries`" | "`hold`", "rate") => {
            "rate: 100/s".to_owned()
        }
        _ => return None,
    };
    Some(format!("add `{example}`"))
}

/// Returns the word that was meant by one of another program.
pub(crate) fn other_word(what: &str, written: &str) -> Option<&'static str> {
    Some(match (what, written.to_ascii_lowercase().as_str()) {
        ("a way of closing", "rst" | "abort" | "linger") => "reset",
        ("a way of closing", "never" | "keep" | "none" | "no" | "open") => "hold",
        ("the side that closes", "server" | "self" | "always" | "yes") => "first",
        ("the side that closes", "client" | "peer" | "last" | "passive") => "after-client",
        ("the side that closes", "no" | "none" | "keep" | "hold") => "never",
        ("a protocol", "http" | "https" | "stream" | "tcp4" | "tcp6") => "tcp",
        ("a protocol", "dns" | "datagram" | "udp4" | "udp6") => "udp",
        (
            "a choice of the local port",
            "sequence" | "in-turn" | "round-robin" | "linear" | "increment",
        ) => "sequential",
        ("a choice of the local port", "random" | "auto" | "default" | "ephemeral" | "connect") => {
            "kernel"
        }
        ("a way of stopping", "rst" | "kill" | "abort") => "reset",
        ("a way of stopping", "close" | "term" | "graceful") => "fin",
        ("a way of stopping", "power-off" | "poweroff" | "disappear" | "silent") => "vanish",
        ("a way of accepting", "fast" | "yes" | "true" | "always" | "default") => "epoll",
        ("a way of accepting", "no" | "none" | "false" | "off") => "never",
        ("an answer to a rejected packet", "rst" | "reset" | "tcp-rst" | "tcp_reset") => {
            "tcp-reset"
        }
        ("an answer to a rejected packet", "icmp" | "unreachable" | "refused" | "port-unreach") => {
            "icmp-port-unreachable"
        }
        ("an answer to a rejected packet", "admin-prohibited" | "icmp-admin" | "prohibited") => {
            "icmp-admin-prohibited"
        }
        ("a state of connection tracking", "est") => "established",
        ("a state of connection tracking", "syn" | "syn_sent") => "new",
        ("a direction", "input" | "incoming" | "ingress") => "in",
        ("a direction", "output" | "outgoing" | "egress") => "out",
        ("a direction", "forwarded" | "through" | "fwd") => "forward",
        ("`tcp`, `udp` or `icmp`", "icmpv6" | "icmp6" | "ipv6-icmp" | "ping") => "icmp",
        _ => return None,
    })
}
