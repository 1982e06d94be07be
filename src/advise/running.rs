//! This host's own settings as a file: every one that is not as in a fresh namespace. Pure: the host was looked at before.

use std::collections::BTreeMap;

use super::facts::is_otherwise_in_labs;
use super::merge::Source;
use crate::lab::inquiry::{Found, Survey};

/// Settings that count or tell, and are none that anybody sets.
const STATES: [&str; 3] = ["_count", ".flush", "nf_conntrack_buckets"];

/// A line for each setting that a namespace has of its own, that the host has otherwise than the baseline.
pub fn running(survey: &Survey) -> Source {
    let mut text = String::new();
    for (key, baseline) in &survey.baseline {
        let value =
            |all: &BTreeMap<String, Found>| all.get(key).and_then(|found| found.value.clone());
        let (here, fresh) = (value(&survey.here), value(&survey.fresh));
        let state = STATES.iter().any(|end| key.ends_with(end));
        // Where the host has what a fresh namespace has, nobody has set it.
        let untouched = here == fresh && is_otherwise_in_labs(key);
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
    Source {
        label: "this host".to_owned(),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_otherwise_and_can_be_set_is_a_line() {
        let found = |value: &str, writable| Found {
            value: (!value.is_empty()).then(|| value.to_owned()),
            writable,
        };
        let all = |entries: &[(&str, &str, bool)]| -> BTreeMap<String, Found> {
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
        let survey = Survey {
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
