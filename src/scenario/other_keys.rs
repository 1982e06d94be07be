//! Other words for the keys of the format, and keys that belong elsewhere.

use super::network_words;

/// Returns help for keys that exist, but elsewhere, and for other words for a key.
pub(crate) fn other_key(what: &str, key: &str) -> Option<&'static str> {
    Some(match (what, key) {
        (
            "a client",
            "rate" | "for" | "count" | "timeout" | "close" | "keep-alive" | "rps" | "duration",
        ) => "it belongs in the load: `connect: { rate: 20/s, for: 10s }`",
        ("a client", "connections" | "concurrency" | "threads" | "requests" | "users") => {
            "it belongs in a load: `loop: { concurrency: 5, requests: 1000 }` or `hold: { connections: 1000, ... }`"
        }
        (
            "a client",
            "target" | "server" | "dest" | "destination" | "url" | "host" | "connect-to"
            | "address",
        ) => "did you mean `to`?",
        ("a command", "at" | "after" | "delay" | "when") => {
            "did you mean `start`? It is the time at which the program starts"
        }
        (
            "a client" | "a server" | "a command",
            "on" | "host" | "namespace" | "ns" | "at" | "where",
        ) => "did you mean `node`?",
        (
            "`connect`" | "`ramp`" | "`hold`" | "`flood`",
            "duration" | "time" | "seconds" | "during" | "length",
        ) => "did you mean `for`?",
        (
            "`connect`" | "`flood`" | "`hold`",
            "rps" | "qps" | "per-second" | "speed" | "frequency",
        ) => "did you mean `rate`?",
        ("`connect`", "requests" | "connections" | "number" | "n" | "total") => {
            "did you mean `count`?"
        }
        ("`loop`", "clients" | "threads" | "workers" | "connections" | "parallel" | "c") => {
            "did you mean `concurrency`?"
        }
        ("`loop`", "count" | "number" | "n" | "total") => "did you mean `requests`?",
        ("`loop`", "for" | "duration") => {
            "a loop ends after its `requests`; `connect` runs for a given time"
        }
        ("a command", "name" | "cwd" | "dir" | "user") => {
            "a program runs in its own folder, as root in the lab; its name is the key of the entry"
        }
        ("a step", "run" | "command" | "exec") => {
            "a program is a command: `commands: { NAME: { node: NODE, start: 1s, run: [...] } }`"
        }
        ("a step", "sleep" | "wait" | "pause") => "steps do not wait: each has its own `at`",
        ("a step", "flush") => "did you mean `conntrack: { flush: NODE }`?",
        ("a step", "sysctls" | "set") => "did you mean `sysctl`?",
        ("a step", "down" | "up" | "unplug" | "cut" | "partition" | "disconnect") => {
            "did you mean `link: { between: [a, b], state: down }`?"
        }
        ("a step", "loss" | "delay" | "rate") => {
            "it belongs in `link: { between: [a, b], loss: 10% }`"
        }
        ("`reply`", "size" | "length" | "body" | "content") => "did you mean `bytes`?",
        ("`reply`", "delay" | "latency" | "wait" | "think" | "time") => "did you mean `after`?",
        ("`reply`", "bandwidth" | "speed") => "did you mean `rate`?",
        ("a selection of segments", "to" | "toward" | "direction") => {
            "did you mean `from`? It is the node that sends them"
        }
        ("a selection of segments", "count" | "number" | "first" | "n") => {
            "did you mean `nth`? For example, `nth: 1-3`"
        }
        (
            "`connect`" | "`ramp`" | "`hold`" | "`loop`" | "`requests`",
            "sources" | "request" | "start" | "via" | "options" | "node" | "to" | "so-keepalive",
        ) => "it belongs in the client, beside the load",
        ("a step", "after" | "time" | "when" | "t") => "did you mean `at`?",
        ("a step", "kill" | "end" | "terminate" | "shutdown" | "crash") => "did you mean `stop`?",
        ("a server", "listen" | "ports") => "did you mean `port`?",
        ("a server", "address" | "ip" | "bind") => {
            "a server listens on all addresses of its `node`"
        }
        ("a server", "upstream" | "proxy" | "to" | "target" | "backend") => {
            "did you mean `forward`?"
        }
        ("a server", "response" | "body" | "size" | "bytes") => "did you mean `reply`?",
        ("a server", "threads" | "workers") => "did you mean `accept: { pool: { threads: 4 } }`?",
        ("a server", "delay" | "latency" | "sleep") => "did you mean `accept: { delay: 50ms }`?",
        ("a command", "cmd" | "command" | "exec" | "args" | "program" | "script" | "shell") => {
            "did you mean `run`? It takes a list, as in `run: [ss, -tan]`"
        }
        ("a node", "tcp_syncookies" | "somaxconn") => "kernel settings go in `sysctls:`",
        ("a node", key) if key.starts_with("net.") => "kernel settings go in `sysctls:`",
        ("a node", "nofile") => "it belongs in `limits: { nofile: ... }`",
        ("a node", "ulimit" | "ulimits" | "rlimits") => "did you mean `limits`?",
        ("`conntrack`", "max" | "size" | "limit" | "entries" | "free" | "count") => {
            "did you mean `room`? It leaves exactly this many free entries"
        }
        ("`forward`", "server" | "node" | "target" | "upstream" | "host") => "did you mean `to`?",
        ("`forward`", "pool") => "it belongs in the server, beside `forward`",
        ("a node", "room") => "it belongs in `conntrack: { room: ... }`",
        ("a node", "masquerade" | "snat" | "dnat") => "it belongs in `nat: { ... }`",
        ("a node", "address" | "addresses" | "subnet" | "cidr" | "interface" | "interfaces") => {
            "addresses and routes are assigned in the order of the file; `nslab run --plan` prints them"
        }
        ("a node", "image" | "container") => {
            "a node is a network namespace; programs run on it as `commands`"
        }
        (
            "a link",
            "from" | "to" | "nodes" | "ends" | "endpoints" | "connect" | "a" | "b" | "link",
        ) => "did you mean `between: [a, b]`?",
        ("a link", "latency" | "ping") => "did you mean `delay`? It applies in each direction",
        ("a link", "rtt") => {
            "did you mean `delay`? It applies in each direction, so it is half of the RTT"
        }
        ("a link", "bandwidth" | "bw" | "speed" | "capacity" | "throughput") => {
            "did you mean `rate`?"
        }
        ("a link", "packet-loss" | "packet_loss" | "drop" | "lossy") => "did you mean `loss`?",
        ("a link", "buffer" | "limit" | "buffers") => "did you mean `queue`?",
        ("`snat`", "address" | "pool" | "ips" | "count") => "did you mean `addresses`?",
        ("`snat`" | "`masquerade`", "port" | "range" | "port-range") => "did you mean `ports`?",
        ("a node", "masq" | "nat44" | "napt") => "did you mean `nat: { masquerade: ... }`?",
        ("a node", "sysconf" | "settings" | "kernel" | "proc" | "tuning") => {
            "did you mean `sysctls`?"
        }
        ("the scenario", "sysctls" | "sysctl") => {
            "per-namespace settings belong in a node, host-wide ones in `kernel: { sysctls: ... }`"
        }
        ("the scenario", "node" | "hosts" | "namespaces" | "topology" | "machines") => {
            "did you mean `nodes`?"
        }
        (
            "the scenario",
            "assert" | "asserts" | "assertions" | "checks" | "expectations" | "expected" | "tests"
            | "then",
        ) => "did you mean `expect`?",
        ("the scenario", "description" | "summary" | "about") => {
            "did you mean `title`, or `lesson` for a longer text?"
        }
        ("the scenario", "vars" | "variables" | "env" | "parameters" | "args") => {
            "did you mean `params`?"
        }
        ("the scenario", "programs" | "processes" | "run" | "exec") => "did you mean `commands`?",
        ("the scenario", "events" | "actions" | "timeline" | "schedule") => "did you mean `steps`?",
        ("the scenario", "load" | "loads" | "traffic" | "users") => "did you mean `clients`?",
        ("the scenario", "services" | "listeners" | "proxies") => "did you mean `servers`?",
        (
            "the scenario",
            "network" | "edges" | "wires" | "cables" | "connections" | "interfaces",
        ) => "did you mean `links`?",
        ("the scenario", "scenarios" | "cases") => "did you mean `variants`?",
        ("the scenario", "backlog" | "accept" | "reply" | "forward") => {
            "it belongs in a server: `servers: { web: { backlog: 8 } }`"
        }
        ("the scenario", "loss" | "delay" | "mtu" | "jitter") => "it belongs in a link",
        ("the scenario", "nat" | "conntrack" | "firewall" | "limits") => "it belongs in a node",
        ("the scenario", "version" | "apiVersion" | "schema") => {
            "the format has no versions: leave it out"
        }
        ("the scenario", "for" | "duration" | "rate" | "connect") => {
            "it belongs in the load of a client"
        }
        _ => return network_words::other_key(what, key),
    })
}

/// Returns the known key that help names first: `` did you mean `between: [a, b]`? ``.
pub(crate) fn named_by(help: &str, known: &[&'static str]) -> Option<&'static str> {
    let (_, word) = help.split_once('`')?;
    let word = word.split(['`', ':', ' ']).next()?;
    known.iter().copied().find(|known| *known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_the_key_that_was_meant() {
        let help = other_key("a link", "from").unwrap();
        assert_eq!(named_by(help, &["between", "delay"]), Some("between"));
        let elsewhere = other_key("a node", "image").unwrap();
        assert_eq!(named_by(elsewhere, &["sysctls"]), None);
    }
}
