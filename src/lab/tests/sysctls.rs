//! Settings: the baseline, the scenario's values, and the reasons for those that cannot be applied.

use std::collections::BTreeMap;

use super::*;
use crate::lab::{BuildError, NotApplicable, baseline};
use crate::scenario::topology::Emulation;
use crate::sys::sysctl::{Key, Sysctls, same};

fn read(netns: &NetNs, key: &str) -> Option<String> {
    let key = Key::parse(key).unwrap();
    netns.run(move || Sysctls::new().read(&key).ok()).unwrap()
}

fn refusal(key: &str, value: &str) -> BuildError {
    let mut topology = row(IpVersion::V4, &["a", "b"]);
    set(&mut topology, "a", key, value);
    Lab::build(&run_of(topology), LabScope::default()).unwrap_err()
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_the_baseline_is_present_in_every_namespace() {
    let mut topology = row(IpVersion::V4, &["a", "b", "c"]);
    topology.nodes["c"].conntrack_room = Some(10);
    let (lab, _, settings) = Lab::build(&run_of(topology), LabScope::default()).unwrap();
    for node in lab.nodes() {
        let recorded = &settings.sysctls[node.name.as_str()];
        let conntrack = baseline::CONNTRACK
            .iter()
            .filter(|_| node.name.as_str() == "c");
        for pin in baseline::NODE.iter().chain(conntrack) {
            let found = read(&node.netns, pin.key);
            assert_eq!(
                recorded.get(pin.key),
                found.as_ref(),
                "{} of {}",
                pin.key,
                node.name
            );
            if pin.key == "net.ipv4.ip_forward" {
                continue;
            }
            if let (baseline::To::Value(value), Some(found)) = (pin.to, found) {
                assert!(same(value, &found), "{} is {found}", pin.key);
            }
        }
        assert_eq!(
            read(&node.netns, "net.ipv4.ip_forward").as_deref(),
            Some(if node.name.as_str() == "b" { "1" } else { "0" })
        );
        assert_eq!(recorded["net.ipv6.conf.all.disable_ipv6"], "1");
    }
    assert_eq!(settings.off_baseline, BTreeMap::new());
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_the_scenarios_settings_are_read_back_and_differ_from_the_baseline() {
    let mut topology = row(IpVersion::V4, &["a", "b"]);
    set(&mut topology, "a", "net.ipv4.tcp_tw_reuse", "1");
    set(
        &mut topology,
        "a",
        "net.ipv4.ip_local_port_range",
        "40000 40099",
    );
    set(&mut topology, "a", "net.ipv4.conf.eth0.rp_filter", "1");
    set(&mut topology, "a", "net.ipv4.tcp_fin_timeout", "60");
    let (lab, _, settings) = Lab::build(&run_of(topology), LabScope::default()).unwrap();
    let a = netns(&lab, "a");
    assert_eq!(read(&a, "net.ipv4.tcp_tw_reuse").as_deref(), Some("1"));
    assert_eq!(
        read(&a, "net.ipv4.conf.eth0.rp_filter").as_deref(),
        Some("1")
    );
    assert_eq!(
        settings.off_baseline["a"]
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>(),
        [
            "net.ipv4.conf.eth0.rp_filter=1",
            "net.ipv4.ip_local_port_range=40000 40099",
            "net.ipv4.tcp_tw_reuse=1"
        ]
    );
    lab.write_sysctl(&"b".into(), "net.ipv4.tcp_fin_timeout", "10")
        .unwrap();
    let read = || std::fs::read_to_string("/proc/sys/net/ipv4/tcp_fin_timeout").unwrap();
    let kept = lab.node(&"b".into()).unwrap().netns.run(read).unwrap();
    assert_eq!(kept.trim(), "10");
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_refused_value_is_reported_with_node_key_value_and_place() {
    let error = refusal("net.ipv4.tcp_congestion_control", "nosuch");
    assert_eq!(
        error.to_string(),
        "cannot set net.ipv4.tcp_congestion_control of `a` to `nosuch` (7:21); this kernel has no such algorithm: \
         net.ipv4.tcp_available_congestion_control lists the available ones, and `modprobe tcp_NAME`, as root, \
         may add it"
    );
    assert!(matches!(error, BuildError::Sysctl { .. }), "{error:?}");
    let error = refusal("net.ipv4.ip_local_port_range", "5 4");
    assert!(matches!(error, BuildError::Sysctl { .. }), "{error:?}");
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_clamped_value_is_reported_with_the_value_kept() {
    // Seconds become jiffies; the second word is cut off.
    let error = refusal("net.ipv4.tcp_keepalive_time", "7200 5");
    assert_eq!(
        error.to_string(),
        "cannot set net.ipv4.tcp_keepalive_time of `a` to `7200 5` (7:21): the kernel kept `7200`"
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_settings_that_a_namespace_cannot_have_are_not_applicable() {
    let why = |key| match refusal(key, "1") {
        BuildError::NotApplicable(why) => why,
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        why("net.core.rmem_max"),
        NotApplicable::HostWide { .. }
    ));
    assert!(matches!(
        why("net.ipv4.tcp_max_orphans"),
        NotApplicable::HostWide { .. }
    ));
    assert!(matches!(
        why("net.netfilter.nf_conntrack_max"),
        NotApplicable::HostWide { .. }
    ));
    assert!(matches!(
        why("vm.swappiness"),
        NotApplicable::HostWide { .. }
    ));
    assert!(matches!(
        why("net.ipv4.no_such_key"),
        NotApplicable::Absent { .. }
    ));
    assert!(matches!(
        why("net.ipv4.conf.eth7.rp_filter"),
        NotApplicable::Absent { .. }
    ));
    for (slip, meant) in [
        (
            "net.ipv4.tcp_synack_retires",
            "; did you mean net.ipv4.tcp_synack_retries?",
        ),
        (
            "nte.ipv4.tcp_synack_retries",
            "; did you mean net.ipv4.tcp_synack_retries?",
        ),
        ("net.core.rmem_maxx", "; did you mean net.core.rmem_max?"),
        (
            "net.ipv4.conf.eth7.rp_filter",
            "; did you mean net.ipv4.conf.eth0.rp_filter?",
        ),
        ("net.ipv4.something_else_entirely", ""),
    ] {
        let message = why(slip).to_string();
        assert_eq!(
            message,
            format!("this kernel has no {slip} (of `a`, 7:21){meant}")
        );
    }
    let gone = why("net.ipv4.tcp_tw_recycle").to_string();
    assert_eq!(
        gone,
        "net.ipv4.tcp_tw_recycle (of `a`, 7:21) was removed in Linux 4.12"
    );
    let mut run = run_of(row(IpVersion::V4, &["a", "b"]));
    run.kernel_sysctls
        .insert("net.ipv4.tcp_max_orphans".to_owned(), "64".to_owned());
    let error = Lab::build(&run, LabScope::default()).unwrap_err();
    assert!(matches!(
        error,
        BuildError::NotApplicable(NotApplicable::Kernel { .. })
    ));
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_key_cannot_leave_the_sysctl_tree() {
    for key in ["net.ipv4/../../kernel.pid_max", "net..x", ""] {
        assert!(matches!(refusal(key, "1"), BuildError::Key { .. }), "{key}");
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_an_emulated_setting_is_left_to_the_wire_and_recorded() {
    let mut topology = row(IpVersion::V4, &["a", "b"]);
    topology.nodes["b"].emulate = vec![Emulation::TcpTwRecycle];
    set(&mut topology, "b", "net.ipv4.tcp_tw_recycle", "1");
    let (_lab, built, settings) = Lab::build(&run_of(topology), LabScope::default()).unwrap();
    let [statement] = &built.emulated["b"][..] else {
        panic!("one statement: {:?}", built.emulated)
    };
    assert!(
        statement.starts_with("net.ipv4.tcp_tw_recycle is emulated on `b`"),
        "{statement}"
    );
    assert!(!settings.sysctls["b"].contains_key("net.ipv4.tcp_tw_recycle"));
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_long_lists_are_kept_in_full() {
    let ports: Vec<String> = (0..600).map(|n| (20000 + 2 * n).to_string()).collect();
    let mut topology = row(IpVersion::V4, &["a", "b"]);
    set(
        &mut topology,
        "a",
        "net.ipv4.ip_local_reserved_ports",
        &ports.join(","),
    );
    let (_, _, settings) = Lab::build(&run_of(topology), LabScope::default()).unwrap();
    assert_eq!(
        settings.sysctls["a"]["net.ipv4.ip_local_reserved_ports"],
        ports.join(",")
    );
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_lab_in_its_own_namespace_has_socket_hashes_of_its_own() {
    let sizes = NetNs::create()
        .unwrap()
        .run(|| {
            let scope = LabScope {
                own_netns: true,
                ..LabScope::default()
            };
            let (lab, ..) =
                Lab::build(&run_of(row(IpVersion::V4, &["a", "b", "c"])), scope).unwrap();
            lab.nodes()
                .filter_map(|node| read(&node.netns, "net.ipv4.tcp_ehash_entries"))
                .collect::<Vec<_>>()
        })
        .unwrap();
    // The setting exists since Linux 6.1; a shared hash reads as a negative number.
    assert!(sizes.iter().all(|size| size == "4096"), "{sizes:?}");
}
