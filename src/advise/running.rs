//! This host's settings as a sysctl file: those that differ from the default. Pure: the host was examined
//! before.

use std::collections::BTreeMap;

use super::facts::differs_in_labs;
use super::merge::SysctlSource;
use crate::lab::sysctl_survey::{FoundSysctl, SysctlSurvey};

/// Endings of keys that show state and are not meant to be set.
const STATES: [&str; 3] = ["_count", ".flush", "nf_conntrack_buckets"];

/// Returns a line for each setting per namespace whose value on this host differs from the baseline.
pub fn running(survey: &SysctlSurvey) -> SysctlSource {
    let mut text = String::new();
    for (key, baseline) in &survey.baseline {
        let value = |all: &BTreeMap<String, FoundSysctl>| {
            all.get(key).and_then(|found| found.value.clone())
        };
        let (here, fresh) = (value(&survey.here), value(&survey.fresh));
        let state = STATES.iter().any(|end| key.ends_with(end));
        // If the host has the value of a fresh namespace, nobody has set it.
        let untouched = here == fresh && differs_in_labs(key);
        if let (Some(here), Some(value)) = (here, &baseline.value)
            && baseline.writable
            && !state
            && !untouched
            && !here.is_empty()
            && here != *value
        {
            text.push_str(&format!("{key} = {here}\n"));
        }
    }
    SysctlSource {
        label: "this host".to_owned(),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_writable_settings_that_differ_become_lines() {
        let found = |value: &str, writable| FoundSysctl {
            value: (!value.is_empty()).then(|| value.to_owned()),
            writable,
        };
        let all = |entries: &[(&str, &str, bool)]| -> BTreeMap<String, FoundSysctl> {
            let each = entries.iter();
            each.map(|(key, value, writable)| ((*key).to_owned(), found(value, *writable)))
                .collect()
        };
        let without = |rfc1337| {
            all(&[
                ("net.ipv4.tcp_fin_timeout", "60", true),
                ("net.ipv4.tcp_sack", "1", true),
                ("net.ipv4.tcp_rfc1337", rfc1337, true),
                ("net.core.rmem_max", "5", false),
                ("net.netfilter.nf_conntrack_count", "0", false),
                ("net.ipv4.only_there", "0", true),
            ])
        };
        let survey = SysctlSurvey {
            here: all(&[
                ("net.ipv4.tcp_fin_timeout", "15", true),
                ("net.ipv4.tcp_sack", "1", true),
                ("net.ipv4.tcp_rfc1337", "0", true),
                ("net.core.rmem_max", "9", true),
                ("net.netfilter.nf_conntrack_count", "7", false),
            ]),
            fresh: without("0"),
            baseline: without("1"),
        };
        assert_eq!(running(&survey).text, "net.ipv4.tcp_fin_timeout = 15\n");
    }
}
