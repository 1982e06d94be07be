//! Other words for metrics: those of tools, of other labs and of people (`TW`, `conntrack.count`, `errors.EOF`).

use super::subjects::Subjects;
use crate::metrics::{self, Subject};
use crate::tcp::TcpState;

/// Other words, in small letters without punctuation, and the metric that is meant.
type Words = &'static [(&'static str, &'static str)];

const OF_CLIENT: Words = &[
    (
        "success successes successful succeeded ok connected connects opened",
        "established",
    ),
    (
        "responses replies answered answers done finished served received",
        "completed",
    ),
    (
        "total requests tried tries sent started connections attempts count",
        "attempted",
    ),
    (
        "failures fails errors error failedtotal dropped lost errorstotal errorsall \
         errorscount errorsany unsuccessful refusedorfailed",
        "failed",
    ),
    (
        "open active concurrent concurrency pending outstanding current running",
        "in-flight",
    ),
    (
        "timeouts timeout timedout errorstimeout errorstimeouts errorstimedout",
        "errors.ETIMEDOUT",
    ),
    (
        "refused rejected errorsrefused connectionrefused errorsconnectionrefused",
        "errors.ECONNREFUSED",
    ),
    (
        "reset resets errorsreset rst errorsrst connectionreset",
        "errors.ECONNRESET",
    ),
    (
        "noports portsexhausted exhausted errorsports errorsnoport errorsport",
        "errors.EADDRNOTAVAIL",
    ),
    ("unreachable errorsunreachable", "errors.EHOSTUNREACH"),
    (
        "latencies responsetime duration time delay elapsed",
        "latency",
    ),
    ("bandwidth goodput bytespersecond bps", "throughput"),
    (
        "http503 503 unavailable errors503 5xx errors5xx",
        "status.503",
    ),
    ("http200 200 2xx", "status.200"),
    ("http502 502 errors502 badgateway", "status.502"),
    ("http504 504 errors504", "status.504"),
    ("rtt ping roundtrip", "tcp_info.rtt"),
    ("cwnd window congestionwindow", "tcp_info.snd_cwnd"),
    (
        "retransmits retransmissions retransmitted retries",
        "tcp_info.total_retrans",
    ),
];

/// Words for the answers that a client with `queries` received, and for the queries that it sent.
const QUERY_ANSWERED: &str =
    "completed replies replied responses received ok succeeded established";
const QUERY_SENT: &str = "requests requested attempted attempts started queries lookups";

const OF_SERVER: Words = &[
    (
        "connections accepts established conns clients opened connected completed",
        "accepted",
    ),
    (
        "requests responses served answered answers handled hits",
        "replies",
    ),
    (
        "queue backlog recvq pending waiting listenqueue queuelength",
        "accept_queue",
    ),
    ("queuelimit queuemax backlogmax sendq", "accept_queue.limit"),
    ("halfopen synbacklog synqueuelength synrecv", "syn_queue"),
    ("proxied upstream passed", "forwarded"),
    ("rtt ping roundtrip", "tcp_info.rtt"),
];

const OF_COMMAND: Words = &[
    (
        "exitcode exitstatus status code returncode rc returned result success ok",
        "exit",
    ),
    ("output out text lines log print printed", "stdout"),
    ("err error errors", "stderr"),
];

const OF_NODE: Words = &[
    (
        "conntrackcount conntracksize conntrackused conntracklength conntracktotal \
         nfconntrackcount conntracktable conntrack conntrackconnections conntracknumber \
         netfilternfconntrackcount",
        "conntrack.entries",
    ),
    (
        "conntracklimit nfconntrackmax conntrackcapacity conntrackmaximum conntrackroom",
        "conntrack.max",
    ),
    (
        "conntrackdropped conntrackdrops conntrackfull conntracktablefull",
        "conntrack.drop",
    ),
    (
        "conntrackevicted conntrackearlydrops",
        "conntrack.early_drop",
    ),
    (
        "conntrackinsertfailures conntrackclash",
        "conntrack.insert_failed",
    ),
    (
        "retransmits retransmissions retransmitted retrans tcpretrans tcpretransmits",
        "TcpRetransSegs",
    ),
    (
        "drops listendropped acceptdrops droppedconnections",
        "TcpExtListenDrops",
    ),
    (
        "overflows overflow queueoverflows acceptoverflows backlogoverflows",
        "TcpExtListenOverflows",
    ),
    ("syncookies cookies cookiessent", "TcpExtSyncookiesSent"),
    ("resets rsts rst resetssent", "TcpOutRsts"),
    ("memory mem tcpmem tcpmemory sockmem", "memory.tcp"),
    (
        "ports portrange localports localportrange iplocalportrange ephemeralports",
        "ports.range",
    ),
];

const OF_KERNEL: Words = &[(
    "dmesg messages message syslog printk kmsg logs journal ringbuffer",
    "log",
)];

/// Other words for TCP states, as `ss`, `netstat` and people write them.
const STATES: &[(&str, TcpState)] = &[
    ("tw timew timewaits", TcpState::TimeWait),
    ("estab est estabs", TcpState::Established),
    ("synrcvd synreceived synrcv halfopen", TcpState::SynRecv),
    ("finwait fin1", TcpState::FinWait1),
    ("fin2", TcpState::FinWait2),
    ("cw closew", TcpState::CloseWait),
    ("listening listeners", TcpState::Listen),
];

/// Returns the metric of a subject that another word means.
pub(super) fn of(subject: Subject, name: &str) -> Option<String> {
    let plain = plain(name);
    let words = match subject {
        Subject::QueryClient if has(QUERY_ANSWERED, &plain) => return Some("answered".to_owned()),
        Subject::QueryClient if has(QUERY_SENT, &plain) => return Some("sent".to_owned()),
        Subject::Client | Subject::QueryClient => OF_CLIENT,
        Subject::Server | Subject::Proxy | Subject::UdpServer => OF_SERVER,
        Subject::Command | Subject::ServingCommand => OF_COMMAND,
        Subject::Node => OF_NODE,
        Subject::Kernel => OF_KERNEL,
        Subject::Connection | Subject::Flood | Subject::Fault | Subject::Wire => &[],
    };
    let found = words.iter().find(|(words, _)| has(words, &plain));
    let state = || {
        let state = state(name).filter(|_| subject == Subject::Node)?;
        Some(format!("tcp.{state}"))
    };
    found
        .map(|(_, metric)| (*metric).to_owned())
        .filter(|metric| subject == Subject::Node || metrics::find(subject, metric).is_some())
        .or_else(state)
        .or_else(|| rule(name).filter(|_| subject == Subject::Node))
}

/// Returns the counter of a firewall's rule that a name means: `firewall.web.packets`, `fw.rules.web.bytes`.
fn rule(name: &str) -> Option<String> {
    const OF_RULES: &[&str] = &[
        "fw",
        "fw.rules",
        "firewall",
        "firewall.rules",
        "rule",
        "nft",
        "iptables",
    ];
    let (before, counter) = name.rsplit_once('.')?;
    let (prefix, rule) = before.rsplit_once('.')?;
    let is_one = OF_RULES.contains(&prefix) && matches!(counter, "packets" | "bytes");
    is_one.then(|| format!("rules.{rule}.{counter}"))
}

/// Returns the TCP state that a name means: `TW`, `tcp.timewait`, `sockets.time-wait`.
pub(super) fn state(name: &str) -> Option<TcpState> {
    let plain = plain(name);
    const BEFORE: [&str; 7] = [
        "tcp",
        "sockets",
        "sockstat",
        "sock",
        "connections",
        "state",
        "count",
    ];
    let mut rest = plain.as_str();
    while let Some(after) = BEFORE.iter().find_map(|before| rest.strip_prefix(before)) {
        rest = after;
    }
    let rest = rest
        .strip_suffix("count")
        .or(rest.strip_suffix("sockets"))
        .unwrap_or(rest);
    let named = STATES.iter().find(|(words, _)| has(words, rest));
    named.map(|(_, state)| *state).or_else(|| {
        let mut listed = TcpState::LISTED.into_iter();
        listed.find(|state| self::plain(state.as_str()) == rest)
    })
}

/// Explains where to look for something that has no metric of its own.
pub(super) fn not_counted(name: &str) -> Option<&'static str> {
    error(name).or_else(|| ports(name))
}

/// Explains which metrics stand for local ports in use, which the kernel does not count.
fn ports(name: &str) -> Option<&'static str> {
    const COUNTS: &str = "portsused usedports portsinuse portscount portsfree freeports portsavailable \
                          availableports portsleft portstaken ephemeralportsused localportsused";
    has(COUNTS, &plain(name)).then_some(
        "the kernel does not count local ports in use; a client's `errors.EADDRNOTAVAIL` counts attempts that found \
         none free, its `in-flight` connections hold one each, and so do the node's `tcp.TIME_WAIT`",
    )
}

/// Explains under which name an error is counted that is not an errno.
fn error(name: &str) -> Option<&'static str> {
    let plain = plain(name.strip_prefix("errors.")?);
    Some(match plain.as_str() {
        "eof" | "endoffile" | "closed" | "shortread" | "hangup" | "hup" | "disconnect"
        | "disconnected" | "short" | "unexpectedeof" | "truncated" | "incomplete" => {
            "a reply that ended early (an end of file) counts as `errors.ENODATA`"
        }
        "dns" | "resolve" | "enotfound" => "addresses are given to clients, so no name is resolved",
        _ => return None,
    })
}

/// Returns the percentile of a distribution that is written as a name: `latency.p99`, `p99`.
pub(super) fn percentile(subject: &str, kinds: &[Subject], name: &str) -> Option<String> {
    const FUNCTIONS: [(&[&str], &str); 8] = [
        (&["p99", "99", "99th"], "p99"),
        (&["p90", "90", "90th"], "p90"),
        (&["p95", "95", "95th"], "p95"),
        (&["p999", "999", "p99.9"], "p999"),
        (&["p50", "50", "median", "50th"], "p50"),
        (&["mean", "avg", "average"], "mean"),
        (&["max", "maximum", "worst"], "max"),
        (&["min", "minimum", "best"], "min"),
    ];
    let has_latency = |kind: &Subject| matches!(kind, Subject::Client | Subject::QueryClient);
    if !kinds.iter().any(has_latency) {
        return None;
    }
    let word = name.strip_prefix("latency").unwrap_or(name);
    let word = word.trim_start_matches(['.', '_', '-']).to_lowercase();
    let found = FUNCTIONS
        .iter()
        .find(|(words, _)| words.contains(&word.as_str()))?;
    Some(format!("{}({subject}.latency)", found.1))
}

/// Returns what else of a scenario has a metric of this name, or of one that it means, with the whole name: the node
/// of an actor, or an actor on a node.
pub(super) fn elsewhere(subject: &str, name: &str, subjects: &Subjects) -> Option<String> {
    let has = |kind: Subject| {
        let known = metrics::find(kind, name).map(|_| name.to_owned());
        known.or_else(|| of(kind, name))
    };
    if let Some(home) = subjects.homes.get(subject).filter(|home| *home != subject) {
        let counter = || super::counters::look_up(name) == super::counters::CounterName::Known;
        return has(Subject::Node)
            .or_else(|| counter().then(|| name.to_owned()))
            .map(|metric| format!("{home}.{metric}"));
    }
    let on_it = subjects.homes.iter().filter(|(_, home)| *home == subject);
    on_it.map(|(actor, _)| actor).find_map(|actor| {
        let metric = has(*subjects.actors.get(actor)?)?;
        Some(format!("{actor}.{metric}"))
    })
}

/// Returns the whole names of the metrics with this name, for one that lacks its subject: `TIME_WAIT`.
pub(super) fn whole_names(name: &str, subjects: &Subjects) -> Vec<String> {
    let of_actors = subjects.actors.iter().filter_map(|(actor, kind)| {
        let known = metrics::find(*kind, name).map(|_| name.to_owned());
        Some(format!("{actor}.{}", known.or_else(|| of(*kind, name))?))
    });
    let on_node = of(Subject::Node, name).or_else(|| {
        (super::counters::look_up(name) == super::counters::CounterName::Known)
            .then(|| name.to_owned())
    });
    let of_nodes = subjects
        .nodes
        .iter()
        .filter_map(|node| Some(format!("{node}.{}", on_node.as_ref()?)));
    of_actors.chain(of_nodes).collect()
}

fn has(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|each| each == word)
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_synonym_leads_to_a_metric() {
        let subjects = [
            Subject::Client,
            Subject::Server,
            Subject::Proxy,
            Subject::Command,
            Subject::Kernel,
            Subject::Node,
        ];
        for (subject, words) in subjects.into_iter().zip([
            OF_CLIENT, OF_SERVER, OF_SERVER, OF_COMMAND, OF_KERNEL, OF_NODE,
        ]) {
            for (words, metric) in words {
                let counter = super::super::counters::look_up(metric)
                    == super::super::counters::CounterName::Known;
                let known =
                    metrics::find(subject, metric).is_some() || subject == Subject::Node && counter;
                assert!(known || *metric == "forwarded", "{metric}");
                for word in words.split_whitespace() {
                    assert_eq!(plain(word), word, "{word}");
                }
            }
        }
    }

    #[test]
    fn states_are_known_by_the_names_of_tools() {
        for (written, state_meant) in [
            ("TW", TcpState::TimeWait),
            ("tcp.timewait", TcpState::TimeWait),
            ("tcp.time-wait", TcpState::TimeWait),
            ("sockets.TIME_WAIT", TcpState::TimeWait),
            ("estab", TcpState::Established),
            ("tcp.SYN_RCVD", TcpState::SynRecv),
            ("FIN-WAIT-2", TcpState::FinWait2),
        ] {
            assert_eq!(state(written), Some(state_meant), "{written}");
        }
        assert_eq!(state("tcp.humour"), None);
    }

    #[test]
    fn ports_in_use_are_explained_and_not_listed() {
        for written in ["ports.used", "ports.in-use", "used_ports", "ports.free"] {
            assert!(not_counted(written).is_some(), "{written}");
        }
        assert_eq!(not_counted("ports.range"), None);
    }
}
