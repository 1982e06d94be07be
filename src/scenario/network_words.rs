//! Words of other tools for what a scenario says about nodes, links, rules and translations.

/// Returns help for such a word in a mapping of the format.
pub(super) fn other_key(what: &str, key: &str) -> Option<&'static str> {
    Some(match (what, key) {
        ("a node", "ipvs" | "lvs" | "load-balancer" | "lb" | "service" | "vip") => {
            "there is no key for IPVS; `nat: { dnat: { port: 80, to: [web1, web2], by: round-robin } }` balances \
             connections, and a command can run ipvsadm with `requires: { modules: [ip_vs] }`"
        }
        (
            "a node",
            "iptables" | "nft" | "nftables" | "rules" | "filter" | "acl" | "ufw" | "input",
        ) => {
            "did you mean `firewall`? It takes a list: `firewall: [ { name: web, accept: { port: 80 } } ]`"
        }
        (
            "a node",
            "iprules" | "ip-rule" | "route" | "static-routes" | "default-route" | "gateway",
        ) => "did you mean `routes`? It takes a list: `routes: [ { to: NODE, via: NEIGHBOUR } ]`",
        ("a node", "mtu") => "it belongs in a link: `links: [ { between: [a, b], mtu: 1450 } ]`",
        ("a node" | "a link", "vlan" | "bond" | "bonding" | "team" | "macvlan" | "ipvlan") => {
            "there is no key for it: a VLAN is a link or a segment of its own; for a bond that fails over, take a link \
             down with a step: `{ at: 5s, link: { between: [a, b], state: down } }`"
        }
        ("a node" | "a link", "bridge" | "switch" | "lan") | ("the scenario", "bridges") => {
            "did you mean a segment, beside `links`? `segments: { lan: [a, b, c] }`"
        }
        ("the scenario", "networks" | "switches" | "segment" | "lans" | "vlans" | "subnets") => {
            "did you mean `segments`? It joins nodes by a bridge: `segments: { lan: [a, b, c] }`"
        }
        (
            "a node" | "a link" | "the scenario",
            "tunnel" | "tunnels" | "vxlan" | "gre" | "ipip" | "geneve" | "wireguard" | "vpn"
            | "overlay",
        ) => {
            "there is no key for tunnels; a link with the tunnel's `mtu` loses the same packets: 1450 for VXLAN, 1420 \
             for WireGuard, 1476 for GRE, 1480 for IPIP"
        }
        ("a link", "mss") => {
            "did you mean `mtu`? For the MSS of a socket: `options: { TCP_MAXSEG: 1360 }`"
        }
        ("a link", "corrupt" | "corruption") => {
            "there is no key for it: a packet with a wrong checksum is dropped by the kernel, so write `loss`"
        }
        ("a route", "dev" | "interface" | "gateway" | "next-hop" | "nexthop" | "gw") => {
            "did you mean `via`? It names the neighbour that the packets are sent to"
        }
        ("a route", "dst" | "destination" | "prefix" | "node" | "network") => {
            "did you mean `to`? It names the node that the packets are for"
        }
        ("a rule of `firewall`", "action" | "verdict" | "target" | "jump" | "policy") => {
            "the verdict is the key: `{ name: web, drop: { port: 80 } }`"
        }
        (
            "a rule of `firewall`",
            "port" | "protocol" | "from" | "to" | "ct" | "direction" | "limit" | "over" | "burst"
            | "with",
        ) => "it belongs in the match: `{ name: web, drop: { port: 80 } }`",
        ("a rule of `firewall`", "allow" | "pass" | "permit") => "did you mean `accept`?",
        ("a rule of `firewall`", "deny" | "block" | "blackhole") => {
            "did you mean `drop`, or `reject`?"
        }
        ("a rule of `firewall`", "log" | "count" | "counter") => {
            "each rule with a `name` counts its packets: `NODE.rules.NAME.packets`"
        }
        ("the match of a rule", "dport" | "dst-port" | "ports" | "destination-port") => {
            "did you mean `port`? It is the destination port"
        }
        ("the match of a rule", "sport" | "src-port" | "source-port") => {
            "rules do not match the source port; `ct: established` matches answers"
        }
        ("the match of a rule", "proto" | "l4proto" | "ip-protocol") => "did you mean `protocol`?",
        ("the match of a rule", "src" | "source" | "saddr" | "src-ip") => "did you mean `from`?",
        ("the match of a rule", "dst" | "destination" | "daddr" | "dst-ip") => "did you mean `to`?",
        ("the match of a rule", "state" | "ctstate" | "conntrack" | "states") => {
            "did you mean `ct`? As in `ct: [established, related]`"
        }
        ("the match of a rule", "chain" | "hook" | "in" | "out" | "forward") => {
            "did you mean `direction`? It is `in`, `forward`, `out` or a list"
        }
        ("the match of a rule", "rate") => {
            "did you mean `limit` (up to this rate), or `over` (beyond it)?"
        }
        ("the match of a rule", "reject-with" | "answer" | "type") => {
            "did you mean `with`? As in `with: tcp-reset`"
        }
        ("`masquerade`" | "`snat`", "out" | "interface" | "oif" | "dev" | "via" | "to") => {
            "did you mean `toward`? It names a node in the direction of the packets to translate"
        }
        ("`masquerade`" | "`snat`", "random" | "fully-random" | "persistent" | "flags") => {
            "it belongs in `ports`: `ports: fully-random`, or `ports: [20000-20999, fully-random]`"
        }
        ("`snat`", "block-size" | "ports-per-client" | "per-client") => "did you mean `block`?",
        ("`dnat`", "mode" | "balance" | "algorithm" | "scheduler" | "lb" | "method") => {
            "did you mean `by`? It is `round-robin`, `random` or `hash`"
        }
        ("`dnat`", "backends" | "servers" | "targets" | "upstream" | "target" | "dest") => {
            "did you mean `to`? It takes a server or a list"
        }
        ("`nat`", "redirect" | "forward" | "port-forward") => {
            "did you mean `dnat`? As in `dnat: { port: 8080, to: web }`"
        }
        ("`conntrack`", "timeout" | "timeouts") => {
            "timeouts are settings: `sysctls: { net.netfilter.nf_conntrack_tcp_timeout_established: 350 }`"
        }
        ("`conntrack`", "enabled" | "on" | "enable") => "did you mean `track: true`?",
        ("a server", "reuseport" | "so-reuseport" | "reuse-port") => {
            "did you mean `options: { SO_REUSEPORT: true }`?"
        }
        ("a server" | "a client", "nodelay" | "tcp-nodelay" | "no-delay") => {
            "did you mean `options: { TCP_NODELAY: true }`?"
        }
        ("a server" | "a client", "user-timeout" | "user_timeout" | "tcp-user-timeout") => {
            "did you mean `options: { TCP_USER_TIMEOUT: 5s }`?"
        }
        ("a server" | "a client", "keepalive" | "tcp-keepalive" | "so_keepalive") => {
            "did you mean `so-keepalive` (probes by the kernel), or `keep-alive` of a server (HTTP)?"
        }
        ("a server" | "a client", "sockopts" | "socket-options" | "opts" | "sockopt") => {
            "did you mean `options`?"
        }
        ("a server", "timeout" | "idle-timeout" | "idle") => {
            "did you mean `keep-alive`? It is how long an idle connection is kept"
        }
        ("a client", "reuse" | "pool" | "idle") => {
            "a pool belongs in the load: `requests: { rate: 20/s, for: 5s, pool: { size: 10, idle: 60s } }`"
        }
        ("`requests`", "size" | "idle" | "order" | "check") => {
            "it belongs in `pool: { size: 10, idle: 60s }`"
        }
        ("`connect`", "pool" | "reuse" | "keep-alive" | "keepalive") => {
            "`connect` opens a connection each time; `requests: { .., pool: { size: 10 } }` keeps them"
        }
        ("a step", "address" | "addresses" | "vip" | "ip" | "arp") => {
            "addresses cannot move; to move a service, change its DNAT: \
             `nat: { node: lb, dnat: { port: 80, to: web2 } }`"
        }
        ("a step", "route" | "routes" | "firewall" | "rules" | "iptables") => {
            "steps cannot change routes or rules; to cut a path, write \
             `link: { between: [a, b], loss: 100% }`, or `state: down` so that both ends notice"
        }
        ("a step", "reboot") => {
            "write two steps: `stop: { node: db }`, and later `start: { node: db }`"
        }
        ("a step", "dnat") => {
            "did you mean `nat`? As in `nat: { node: lb, dnat: { port: 80, to: web2 } }`"
        }
        ("`connect`", "retries" | "retry") => {
            "`connect(2)` is called once, and the kernel retransmits the SYN: `options: { TCP_SYNCNT: 3 }`"
        }
        _ => return None,
    })
}
