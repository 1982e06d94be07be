//! Lines on a kernel that is made up here.

use std::collections::BTreeMap;

use super::*;
use crate::advise::{
    Condition, KeptPart, ReferenceChoice, Ruling, SysctlSource, conditions, merge, values_to_try,
};
use crate::lab::sysctl_survey::{OrderedWrites, SysctlReset, WriteAttempt, WriteOutcome};
use crate::sysctls::{About, Machine};

/// Keys that each namespace has. The host is tuned: bbr, a larger listen queue, 6 MiB buffers.
const OWN: [(&str, &str, &str); 16] = [
    // Key, value on this host, value in a fresh namespace.
    ("net.core.somaxconn", "65535", "4096"),
    ("net.ipv4.conf.all.accept_redirects", "1", "1"),
    ("net.ipv4.conf.default.rp_filter", "0", "0"),
    ("net.ipv4.ip_forward", "0", "0"),
    ("net.ipv4.ip_local_reserved_ports", "8080", ""),
    ("net.ipv4.tcp_adv_win_scale", "1", "1"),
    ("net.ipv4.tcp_congestion_control", "bbr", "bbr"),
    ("net.ipv4.tcp_fack", "0", "0"),
    ("net.ipv4.tcp_fin_timeout", "60", "60"),
    ("net.ipv4.tcp_max_syn_backlog", "2048", "2048"),
    ("net.ipv4.tcp_rfc1337", "0", "0"),
    (
        "net.ipv4.tcp_rmem",
        "4096 131072 6291456",
        "4096 131072 6291456",
    ),
    ("net.ipv4.tcp_sack", "1", "1"),
    ("net.ipv4.tcp_syncookies", "1", "1"),
    ("net.ipv4.tcp_tw_reuse", "2", "2"),
    (
        "net.ipv4.tcp_wmem",
        "4096 16384 4194304",
        "4096 16384 4194304",
    ),
];

fn found(value: &str, writable: bool) -> FoundSysctl {
    FoundSysctl {
        value: Some(value.to_owned()),
        writable,
    }
}

/// Linux 6.18 with 24 GiB. Labs begin with another `tcp_rfc1337`, `tcp_max_syn_backlog` and congestion control.
fn survey() -> SysctlSurvey {
    let of = |value: fn(&(&str, &str, &str)) -> String| -> BTreeMap<String, FoundSysctl> {
        OWN.iter()
            .map(|own| (own.0.to_owned(), found(&value(own), true)))
            .collect()
    };
    let mut here = of(|own| own.1.to_owned());
    for (key, value, writable) in [
        ("net.core.netdev_max_backlog", "1000", true),
        ("net.core.rmem_max", "4194304", true),
        ("net.netfilter.nf_conntrack_count", "0", false),
    ] {
        here.insert(key.to_owned(), found(value, writable));
    }
    let fresh = of(|own| own.2.to_owned());
    let mut baseline = fresh.clone();
    for (key, value) in [
        ("net.ipv4.tcp_rfc1337", "1"),
        ("net.ipv4.tcp_max_syn_backlog", "4096"),
        ("net.ipv4.tcp_congestion_control", "cubic"),
    ] {
        baseline.insert(key.to_owned(), found(value, true));
    }
    SysctlSurvey {
        here,
        fresh,
        baseline,
        machine: Some(Machine {
            kernel: "6.18".parse().unwrap(),
            memory: 24 << 30,
        }),
        built_in: BTreeMap::new(),
    }
}

/// Writes values as the kernel would, in one namespace that begins with the reference's values.
fn written(values: &[crate::advise::ValueToTry], reference: &Reference) -> OrderedWrites {
    let own = |key: &str| OWN.iter().any(|own| own.0 == key);
    let start: BTreeMap<String, String> = reference
        .values()
        .iter()
        .filter(|(key, _)| own(key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let mut state = start.clone();
    let mut attempts: Vec<Option<WriteAttempt>> = Vec::new();
    for (at, each) in values.iter().enumerate() {
        let before = state.get(&each.key).cloned();
        let numbers = each.value.split('#').next().unwrap_or_default();
        let (outcome, after) = match (each.key.as_str(), each.value.as_str()) {
            ("net.ipv4.tcp_congestion_control", "cubic") => (WriteOutcome::Restricted, None),
            ("net.ipv4.tcp_congestion_control", "reno") => (WriteOutcome::AsWritten, Some("reno")),
            ("net.ipv4.tcp_congestion_control", _) => (WriteOutcome::Unlisted, None),
            ("net.ipv4.tcp_tw_reuse", "7") => (WriteOutcome::Refused("no".to_owned()), None),
            ("net.ipv4.tcp_wmem", "4096 65536") => {
                let now = "4096 65536 4194304";
                (WriteOutcome::Other(now.to_owned()), Some(now))
            }
            ("net.ipv4.tcp_fin_timeout", "30 5") => {
                (WriteOutcome::Other("30".to_owned()), Some("30"))
            }
            (_, value) if value.contains('#') => (
                WriteOutcome::Other(numbers.trim().to_owned()),
                Some(numbers.trim()),
            ),
            (_, "0xffff") => (WriteOutcome::AsWritten, Some("65535")),
            (_, value) => (WriteOutcome::AsWritten, Some(value)),
        };
        let after = after.map(str::to_owned).or_else(|| before.clone());
        state.extend(after.clone().map(|after| (each.key.clone(), after)));
        attempts.push(Some(WriteAttempt {
            before,
            after,
            outcome,
            reset: None,
        }));
        if each.key == "net.ipv4.ip_forward" {
            let redirects = "net.ipv4.conf.all.accept_redirects";
            let to = if each.value == "1" { "0" } else { "1" };
            state.insert(redirects.to_owned(), to.to_owned());
            for (earlier, value) in attempts.iter_mut().zip(values) {
                if let Some(attempt) = earlier.as_mut().filter(|_| value.key == redirects)
                    && attempt.after.as_deref() != Some(to)
                {
                    attempt.reset = Some(SysctlReset {
                        by: at,
                        to: to.to_owned(),
                    });
                }
            }
        }
    }
    OrderedWrites { start, attempts }
}

fn assessed_against(choice: &ReferenceChoice, text: &str) -> (Vec<LineAdvice>, Vec<Condition>) {
    let survey = survey();
    let reference = Reference::of(choice, &survey);
    let sources = [SysctlSource {
        label: "a".to_owned(),
        text: text.to_owned(),
    }];
    let entries = merge(&sources, &[]);
    let to_try = values_to_try(&entries, &survey, false);
    let trials = ValueTrials::of(&to_try, written(&to_try, &reference));
    let beyond = |key: &str| (key == "vm.swappiness").then(|| found("60", true));
    let lines = assess(entries, &survey, &reference, &trials, beyond);
    let conditions = conditions(&lines, &survey, &reference);
    (lines, conditions)
}

fn assessed(text: &str) -> Vec<LineAdvice> {
    assessed_against(&ReferenceChoice::ThisHost, text).0
}

fn word(choice: &ReferenceChoice, line: &str) -> &'static str {
    assessed_against(choice, line).0[0].ruling().as_str()
}

#[test]
fn each_line_gets_a_ruling() {
    for (line, ruling) in [
        ("net.ipv4.tcp_fin_timeout = 15", "not measured"),
        ("net.ipv4.tcp_tw_reuse = 7", "cannot apply"),
        ("net.ipv4.tcp_fin_timeout = 30 5", "cannot apply"),
        ("net.core.netdev_max_backlog = 5", "host-wide"),
        ("net.core.netdev_max_backlog = 1000", "already so"),
        ("vm.swappiness = 1", "host-wide"),
        ("vm.swappiness = 60", "already so"),
        ("net.ipv4.tcp_tw_recycle = 1", "cannot apply"),
        ("-net.ipv4.ip_conntrack_max = 1", "is ignored"),
        ("net.ipv4.tcp_fack = 1", "obsolete"),
        ("net.ipv4.tcp_adv_win_scale = 1", "obsolete"),
        ("net.ipv4.tcp_rfc1337 = 1", "security"),
        ("net.ipv4.ip_forward = 1", "role of the host"),
        ("nonsense", "cannot apply"),
        ("net.ipv4.nope.* = 1", "matches nothing"),
        ("net.netfilter.nf_conntrack_count = 5", "cannot apply"),
    ] {
        assert_eq!(word(&ReferenceChoice::ThisHost, line), ruling, "{line}");
    }
}

#[test]
fn a_line_is_already_so_only_if_the_reference_has_its_value() {
    let (host, stock) = (ReferenceChoice::ThisHost, ReferenceChoice::Stock);
    for (line, on_host, on_stock) in [
        // The lab pins 6 MiB and cubic; a stock 6.18 has 32 MiB.
        ("net.ipv4.tcp_rmem = 4096 131072 6291456", true, false),
        ("net.ipv4.tcp_rmem = 4096 131072 33554432", false, true),
        ("net.ipv4.tcp_congestion_control = reno", false, false),
        ("net.ipv4.tcp_congestion_control = bbr", true, false),
        ("net.ipv4.tcp_congestion_control = cubic", false, true),
        ("net.core.somaxconn = 4096", false, true),
        ("net.core.somaxconn = 0xffff", true, false),
        ("net.ipv4.tcp_max_syn_backlog = 2048", true, true),
        ("net.ipv4.tcp_max_syn_backlog = 4096", false, false),
        ("net.ipv4.tcp_rfc1337 = 1", false, false),
        ("net.core.rmem_max = 4194304", true, true),
    ] {
        assert_eq!(
            word(&host, line) == "already so",
            on_host,
            "{line} on this host"
        );
        assert_eq!(
            word(&stock, line) == "already so",
            on_stock,
            "{line} against stock"
        );
    }
}

#[test]
fn both_sides_of_a_run_have_values_of_the_reference_and_the_line() {
    let sides = |choice: &ReferenceChoice, text| -> Vec<(String, String)> {
        let lines = assessed_against(choice, text).0;
        assignments(&lines, false)
            .into_iter()
            .map(|each| (each.against, each.value))
            .collect()
    };
    let pair = |against: &str, value: &str| vec![(against.to_owned(), value.to_owned())];
    let backlog = "net.ipv4.tcp_max_syn_backlog = 512";
    assert_eq!(
        sides(&ReferenceChoice::ThisHost, backlog),
        pair("2048", "512")
    );
    let queue = "net.core.somaxconn = 1024 # more";
    assert_eq!(
        sides(&ReferenceChoice::ThisHost, queue),
        pair("65535", "1024")
    );
    assert_eq!(sides(&ReferenceChoice::Stock, queue), pair("4096", "1024"));
    let untried = "net.ipv4.tcp_congestion_control = htcp";
    assert_eq!(sides(&ReferenceChoice::ThisHost, untried), []);
    let obsolete = assessed_against(&ReferenceChoice::ThisHost, "net.ipv4.tcp_adv_win_scale = 2");
    let tried = assignments(&obsolete.0, false);
    let ignored: Vec<bool> = tried.iter().map(|each| each.ignored).collect();
    assert_eq!(ignored, [true], "only tried together with others");
}

#[test]
fn a_line_is_judged_after_those_before_it() {
    let redirects = "net.ipv4.conf.all.accept_redirects = 0";
    let forward = "net.ipv4.ip_forward = 1";
    let lines = assessed(&format!("{forward}\n{redirects}\n"));
    assert_eq!(lines[1].ruling(), Ruling::AlreadySo);
    assert!(lines[1].facts[0].is_so_by_earlier_lines());
    // Forwarding ends, and with it the host follows redirects again.
    let other = SysctlSource {
        label: "router".to_owned(),
        text: "net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.accept_redirects = 0\n".to_owned(),
    };
    let router = ReferenceChoice::OtherHost(other);
    let lines = assessed_against(&router, &format!("{redirects}\nnet.ipv4.ip_forward = 0\n")).0;
    assert_eq!(lines[0].ruling(), Ruling::Overridden, "not `already so`");
    assert_eq!(lines[0].facts[0].reset_by, Some(1));
}

#[test]
fn a_value_that_is_kept_in_part_applies() {
    let part = |line: &str| assessed(line)[0].facts[0].part();
    assert_eq!(
        part("net.core.somaxconn=1024   # comment"),
        Some(KeptPart::BeforeComment("1024".to_owned()))
    );
    assert_eq!(
        part("net.ipv4.tcp_wmem = 4096 65536"),
        Some(KeptPart::FirstNumbers("4096 65536 4194304".to_owned()))
    );
    // A setting of the whole kernel is not tried; the kernel reads it the same way.
    assert_eq!(
        part("net.core.rmem_max = 16777216 # 16M"),
        Some(KeptPart::BeforeComment("16777216".to_owned()))
    );
    for line in [
        "net.core.somaxconn=1024   # comment",
        "net.ipv4.tcp_wmem = 4096 65536",
        "net.core.rmem_max = 16777216 # 16M",
        "net.ipv4.ip_local_reserved_ports =",
    ] {
        assert!(!assessed(line)[0].is_bad(), "{line}");
    }
    assert_eq!(
        word(
            &ReferenceChoice::ThisHost,
            "net.core.somaxconn = 65535 # most"
        ),
        "already so"
    );
    for line in [
        "net.ipv4.tcp_congestion_control = bbr # fast",
        "net.core.rmem_max = 16M",
    ] {
        assert_eq!(
            word(&ReferenceChoice::ThisHost, line),
            "cannot apply",
            "{line}"
        );
    }
}

#[test]
fn a_congestion_control_that_only_the_host_may_use_is_not_tried() {
    for (name, reason) in [("cubic", "the host takes it"), ("htcp", "module tcp_htcp")] {
        let lines = assessed(&format!("net.ipv4.tcp_congestion_control = {name}"));
        assert_eq!(lines[0].ruling(), Ruling::NotTried);
        assert!(
            lines[0].facts[0].not_tried().unwrap().contains(reason),
            "{name}"
        );
        assert!(!lines[0].is_bad());
    }
}

#[test]
fn a_refusal_gives_the_reason_and_what_was_meant() {
    for (line, reason) in [
        ("net.ipv4.tcp_tw_recycle = 1", "removed in Linux 4.12"),
        (
            "net.ipv4.ip_conntrack_max = 1",
            "renamed to net.netfilter.nf_conntrack_max",
        ),
        (
            "net.ipv4.tcp_collapse_max_bytes = 1",
            "no release of kernel.org has it",
        ),
        ("kernel.exec-shield = 1", "Red Hat"),
        (
            "net.ipv4.tcp_fin_timeout = 30 5",
            "the kernel changes the value to `30`",
        ),
        (
            "net.ipv4.tcp_tw_reuse = 7",
            "takes a whole number from 0 to 2",
        ),
        ("net.core.rmem_max = 16M", "write `16777216`"),
        ("net.x.y = 1", "this kernel has no such key"),
        ("net.bridge.bridge-nf-call-iptables = 1", "br_netfilter"),
        (
            "tcp_slow_start_after_idle = 0",
            "did you mean net.ipv4.tcp_slow_start_after_idle?",
        ),
        (
            "net.ipv4.tcp_tw_resuse = 1",
            "did you mean net.ipv4.tcp_tw_reuse?",
        ),
        (
            "net.ipv4.netdev_max_backlog = 1",
            "did you mean net.core.netdev_max_backlog?",
        ),
        (
            "net.ipv4.conf.eth0.100.rp_filter = 1",
            "did you mean net.ipv4.conf.eth0/100.rp_filter?",
        ),
    ] {
        let lines = assessed(line);
        let why = lines[0].facts[0].refusal().unwrap();
        assert!(why.contains(reason), "{line}: {why}");
    }
}

#[test]
fn a_setting_of_an_interface_is_tried_on_the_default_of_new_interfaces() {
    let lines = assessed("net/ipv4/conf/eth0.100/rp_filter = 1\nnet.ipv4.conf.eth0.nope = 1");
    let facts = &lines[0].facts[0];
    assert_eq!(facts.key, "net.ipv4.conf.eth0/100.rp_filter");
    assert_eq!(
        facts.stand_in.as_deref(),
        Some("net.ipv4.conf.default.rp_filter")
    );
    assert_eq!(
        facts.attempt.as_ref().unwrap().outcome,
        WriteOutcome::AsWritten
    );
    assert_eq!(lines[0].ruling(), Ruling::Subject(About::Security));
    assert_eq!(lines[1].ruling(), Ruling::CannotApply);
    assert!(assignments(&lines, false).is_empty());
}

#[test]
fn modes_of_the_file_and_of_the_reference_are_conditions() {
    let of = |text: &str, key: &str| {
        let (_, conditions) = assessed_against(&ReferenceChoice::ThisHost, text);
        conditions
            .into_iter()
            .find(|condition| condition.key == key)
    };
    let cookies = "net.ipv4.tcp_syncookies";
    let condition = |value: &str, unlike_labs, line| {
        Some(Condition {
            key: cookies.to_owned(),
            value: value.to_owned(),
            unlike_labs,
            line,
        })
    };
    let of_reference = condition("1", false, None);
    assert_eq!(of("", cookies), of_reference);
    let of_file = "net.ipv4.tcp_sack = 0\nnet.ipv4.tcp_syncookies = 0";
    assert_eq!(of(of_file, cookies), condition("0", true, Some(1)));
    let already_so = condition("1", false, Some(0));
    assert_eq!(of("net.ipv4.tcp_syncookies = 1", cookies), already_so);
    // The lab has another value on purpose, and nobody has chosen the kernel's own.
    assert!(!of("", "net.ipv4.tcp_rfc1337").unwrap().unlike_labs);
    for not_a_mode in [
        "net.ipv4.tcp_max_syn_backlog",
        "net.ipv4.ip_forward",
        "net.ipv4.tcp_rmem",
    ] {
        assert_eq!(of("", not_a_mode), None, "{not_a_mode}");
    }
}

#[test]
fn a_gate_exempts_keys_and_other_subsystems() {
    let mut lines = assessed(
        "net.ipv4.tcp_tw_recycle = 1\nnet.bridge.bridge-nf-call-iptables = 1\nkernel.sysrq-x = 1\nkernel.y\n",
    );
    let bad = |lines: &[LineAdvice]| lines.iter().map(LineAdvice::is_bad).collect::<Vec<_>>();
    assert_eq!(bad(&lines), [true; 4]);
    let allow = [Name::read("net.bridge.*").unwrap()];
    exempt(&mut lines, &allow, Some("net"));
    assert_eq!(bad(&lines), [true, false, false, false]);
    assert_eq!(
        lines[1].ruling(),
        Ruling::CannotApply,
        "only the exit code is another"
    );
    assert_eq!(lines[2].ruling(), Ruling::OutOfScope);
}

#[test]
fn a_line_that_sysctl_cannot_write_is_bad_even_if_another_replaces_it() {
    let key = "net.ipv4.tcp_fin_timeout";
    for (first, ruling) in [
        ("30s", Ruling::CannotApply),
        ("30;", Ruling::CannotApply),
        ("30 # seconds", Ruling::Overridden),
        ("30", Ruling::Overridden),
    ] {
        let lines = assessed(&format!("{key} = {first}\n{key} = 15\n"));
        assert_eq!(lines[0].ruling(), ruling, "{first}");
    }
    let lines = assessed(&format!("-{key} = 30s\n{key} = 15\n"));
    assert_eq!(lines[0].ruling(), Ruling::Ignored);
}

#[test]
fn values_that_the_kernel_would_refuse_are_found_without_writing_them() {
    for (line, ruling) in [
        ("vm.swappiness = low", "cannot apply"),
        ("vm.swappiness = 64G", "cannot apply"),
        ("net.core.rmem_max = 16777216;", "cannot apply"),
        ("vm.swappiness = 10 # percent", "host-wide"),
        ("net.core.rmem_max = 4294967296", "cannot apply"),
        ("net.core.rmem_max = 2147483648", "cannot apply"),
        ("net.core.rmem_max = 2147483647", "host-wide"),
        ("net.core.netdev_max_backlog = -1", "host-wide"),
        ("net.ipv4.tcp_congestion_control = BBR", "cannot apply"),
        (
            "net.netfilter.nf_conntrack_tcp_no_window_check = 1",
            "cannot apply",
        ),
    ] {
        assert_eq!(word(&ReferenceChoice::ThisHost, line), ruling, "{line}");
    }
    // Another key of the module is there, so it is loaded.
    let lines = assessed("net.netfilter.nf_conntrack_tcp_no_window_check = 1");
    let why = lines[0].facts[0].refusal().unwrap();
    assert!(!why.contains("module"), "{why}");
    let octal = assessed("net.core.somaxconn = 010");
    assert_eq!(octal[0].facts[0].octal(), Some(("010", 8)));
}

#[test]
fn a_congestion_control_without_a_module_cannot_apply() {
    let ruling = |has_module| {
        let mut lines = assessed("net.ipv4.tcp_congestion_control = bbrplus");
        lines[0].facts[0].without_module(|_| has_module);
        lines[0].ruling()
    };
    let rulings = [Some(false), Some(true), None].map(ruling);
    assert_eq!(
        rulings,
        [Ruling::CannotApply, Ruling::NotTried, Ruling::NotTried]
    );
}
