//! Notes about pinned settings that differ from the kernel's defaults, for runs whose expectations are about what
//! depends on them.

use crate::record::{Event, Recorder};
use crate::scenario::RunSpec;
use crate::scenario::topology::Baseline;

/// A pinned setting, with the metrics that depend on it.
struct PinnedSetting {
    key: &'static str,
    /// Parts of the names of series.
    metrics: &'static [&'static str],
    /// Completes "is ...".
    difference: &'static str,
}

/// The settings of `src/lab/baseline/pins.rs` whose value differs from the default on common machines.
const DIFFERENT: &[PinnedSetting] = &[
    PinnedSetting {
        key: "net.ipv4.tcp_rfc1337",
        metrics: &[".tcp.TIME_WAIT", ".ports.to."],
        difference: "1 in the lab and 0 by default, where stray RSTs end some connections in TIME_WAIT early",
    },
    PinnedSetting {
        key: "net.ipv4.tcp_max_tw_buckets",
        metrics: &[".TcpExtTCPTimeWaitOverflow"],
        difference: "262144 in the lab, and by default depends on memory",
    },
    PinnedSetting {
        key: "net.ipv4.tcp_max_syn_backlog",
        metrics: &[".syn_queue", ".TcpExtTCPReqQFull"],
        difference: "4096 in the lab, and by default depends on memory",
    },
    PinnedSetting {
        key: "net.ipv4.tcp_rmem",
        metrics: &[".rcv_space", ".throughput", ".memory.tcp"],
        difference: "at most 6 MiB in the lab, and by default up to 32 MiB since Linux 6.17",
    },
];

/// Records a note for each setting that the expectations depend on and that the scenario does not set.
pub(super) fn record(spec: &RunSpec, recorder: &Recorder) {
    for text in notes(spec) {
        recorder.record(Event::Note { t: None, text });
    }
}

fn notes(spec: &RunSpec) -> Vec<String> {
    if spec.topology.baseline == Baseline::Kernel {
        return vec![
            "the nodes started with the kernel's own defaults (`baseline: kernel`)".to_owned(),
        ];
    }
    let matters = |setting: &&PinnedSetting| {
        let mut nodes = spec.topology.nodes.values();
        let is_set = nodes.any(|node| node.sysctls.iter().any(|own| own.key == setting.key));
        let named = |part: &&str| {
            spec.watched
                .iter()
                .any(|name| name.as_str().contains(*part))
        };
        !is_set && setting.metrics.iter().any(named)
    };
    let note = |setting: &PinnedSetting| {
        format!(
            "the result can depend on {}, which is {}: `--baseline kernel` runs with the defaults",
            setting.key, setting.difference
        )
    };
    DIFFERENT.iter().filter(matters).map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;
    use std::collections::BTreeMap;

    fn notes_of(head: &str, sysctls: &str, expect: &str) -> Vec<String> {
        let text = format!(
            "{head}\nnodes: {{ a: {{ sysctls: {{ {sysctls} }} }}, b: {{}} }}\nlinks: [ {{ between: [a, b] }} ]\n\
             expect: [ {expect} ]\n"
        );
        let scenario = parse("test.yaml", &text, &BTreeMap::new());
        notes(
            &scenario
                .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
                .runs[0],
        )
    }

    #[test]
    fn a_run_about_time_wait_has_a_note_about_its_setting() {
        let about = "a.tcp.TIME_WAIT == 0";
        assert!(notes_of("title: t", "", about)[0].contains("net.ipv4.tcp_rfc1337"));
        assert!(notes_of("title: t", "net.ipv4.tcp_rfc1337: 0", about).is_empty());
        assert!(notes_of("title: t", "", "a.TcpRetransSegs == 0").is_empty());
        assert!(notes_of("baseline: kernel", "", about)[0].contains("own defaults"));
    }
}
