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
        ("a step" | "a moment", "at") => "at: 5s".to_owned(),
        ("a moment", "note") => "note: the table is full".to_owned(),
        ("`delay`", "by") => "by: 5ms".to_owned(),
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
        ("an answer to a rejected packet", "rst" | "reset" | "tcp-rst" | "tcp_reset" | "tcp") => {
            "tcp-reset"
        }
        (
            "an answer to a rejected packet",
            "icmp" | "unreachable" | "refused" | "port-unreach" | "port-unreachable" | "default",
        ) => "icmp-port-unreachable",
        ("an answer to a rejected packet", "host-unreachable") => "icmp-host-unreachable",
        ("an answer to a rejected packet", "net-unreachable") => "icmp-net-unreachable",
        ("an answer to a rejected packet", "admin-prohibited" | "icmp-admin" | "prohibited") => {
            "icmp-admin-prohibited"
        }
        ("a state of connection tracking", "est" | "estab" | "open") => "established",
        ("a state of connection tracking", "syn" | "syn_sent") => "new",
        ("a state of connection tracking", "notrack") => "untracked",
        ("a direction", "input" | "incoming" | "ingress" | "inbound") => "in",
        ("a direction", "output" | "outgoing" | "egress" | "outbound") => "out",
        ("a direction", "forwarded" | "through" | "fwd" | "routed") => "forward",
        ("`tcp`, `udp` or `icmp`", "icmpv6" | "icmp6" | "ipv6-icmp" | "ping") => "icmp",
        ("a state of a link", "off" | "no" | "false" | "0" | "cut" | "disabled") => "down",
        ("a state of a link", "on" | "yes" | "true" | "1" | "enabled") => "up",
        ("`wire` or `netem`", "tc" | "kernel" | "qdisc") => "netem",
        ("`wire` or `netem`", "lab" | "nslab" | "user" | "userspace") => "wire",
        ("`pinned` or `kernel`", "none" | "default" | "defaults" | "stock" | "linux") => "kernel",
        ("`pinned` or `kernel`", "lab" | "fixed") => "pinned",
        ("a choice between servers", "rr" | "wrr" | "roundrobin" | "turns" | "default") => {
            "round-robin"
        }
        (
            "a choice between servers",
            "ip-hash" | "source" | "sh" | "sticky" | "iphash" | "client-ip" | "affinity",
        ) => "hash",
        ("a choice between servers", "rand" | "probability" | "statistic") => "random",
        _ => return None,
    })
}

/// Returns the form with a setting that was meant by a single word: `accept: 50ms`.
pub(crate) fn other_form(what: &str, written: &str) -> Option<String> {
    if what == "a choice of the local port" {
        let ports: Option<Vec<u16>> = written
            .split(['-', '.', ':'])
            .filter(|part| !part.is_empty())
            .map(|part| part.trim().parse().ok())
            .collect();
        if let Some([first, last]) = ports.as_deref() {
            return Some(format!(
                "the range is a setting of the node: `sysctls: {{ net.ipv4.ip_local_port_range: {first} {last} }}`"
            ));
        }
    }
    if what == "`pinned` or `kernel`" && written == "host" {
        return Some(
            "the host's settings are never used; `kernel` is the kernel's own defaults".to_owned(),
        );
    }
    if what != "a way of accepting" {
        return None;
    }
    let form = match written.to_ascii_lowercase().as_str() {
        "slow" | "slowly" | "late" | "delay" | "delayed" => "{ delay: 50ms }".to_owned(),
        "threads" | "pool" | "thread" | "workers" | "prefork" => {
            "{ pool: { threads: 4 } }".to_owned()
        }
        text if crate::units::parse_duration(text).is_ok() => format!("{{ delay: {text} }}"),
        text if text.parse::<u16>().is_ok() => format!("{{ pool: {{ threads: {text} }} }}"),
        _ => return None,
    };
    Some(format!("write `accept: {form}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_becomes_the_form_with_its_setting() {
        for (written, form) in [
            ("50ms", Some("write `accept: { delay: 50ms }`")),
            ("slow", Some("write `accept: { delay: 50ms }`")),
            ("8", Some("write `accept: { pool: { threads: 8 } }`")),
            ("quickly", None),
        ] {
            assert_eq!(
                other_form("a way of accepting", written).as_deref(),
                form,
                "{written}"
            );
        }
        assert_eq!(other_form("a protocol", "50ms"), None);
    }
}
