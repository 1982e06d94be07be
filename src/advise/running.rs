//! This host's settings as a sysctl file: those that differ from the kernel's own defaults. Pure: the host was
//! examined before.

use super::merge::SysctlSource;
use super::reference::{same_value, stock};
use crate::lab::sysctl_survey::SysctlSurvey;
use crate::sysctls;

/// Endings of keys that show state and are not meant to be set.
const STATES: [&str; 3] = ["_count", ".flush", "nf_conntrack_buckets"];

/// Returns a line for each setting whose value on this host differs from the kernel's own. Settings of single
/// interfaces are left out: the kernel and network managers choose them.
pub fn running(survey: &SysctlSurvey) -> SysctlSource {
    let mut text = String::new();
    for (key, found) in &survey.here {
        let state = STATES.iter().any(|end| key.ends_with(end));
        if state || !found.writable || is_of_interface(key) {
            continue;
        }
        if let (Some(here), Some(stock)) = (&found.value, stock(key, survey))
            && !here.is_empty()
            && !same_value(here, &stock)
            && !(is_estimated(key) && is_near(here, &stock))
        {
            text.push_str(&format!("{key} = {here}\n"));
        }
    }
    SysctlSource {
        label: "this host".to_owned(),
        text,
    }
}

fn is_of_interface(key: &str) -> bool {
    let words: Vec<&str> = key.split('.').collect();
    matches!(words[..], ["net", _, "conf" | "neigh", name, ..] if name != "all" && name != "default")
}

fn is_estimated(key: &str) -> bool {
    sysctls::find(key).is_some_and(sysctls::Setting::is_estimated)
}

/// Returns true if all numbers are within an eighth: the kernel leaves out memory that it reserved for itself.
fn is_near(here: &str, stock: &str) -> bool {
    let numbers = |text: &str| {
        text.split_whitespace()
            .map(str::parse::<u64>)
            .collect::<Vec<_>>()
    };
    let near = |pair| match pair {
        (Ok(here), Ok(stock)) => u64::abs_diff(here, stock) <= stock / 8,
        _ => false,
    };
    let (here, stock) = (numbers(here), numbers(stock));
    here.len() == stock.len() && here.into_iter().zip(stock).all(near)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::lab::sysctl_survey::FoundSysctl;
    use crate::sysctls::Machine;

    #[test]
    fn only_writable_settings_that_are_not_the_kernels_own_become_lines() {
        let all = |entries: &[(&str, &str, bool)]| -> BTreeMap<String, FoundSysctl> {
            let found = |value: &str, writable| FoundSysctl {
                value: (!value.is_empty()).then(|| value.to_owned()),
                writable,
            };
            let each = entries.iter();
            each.map(|(key, value, writable)| ((*key).to_owned(), found(value, *writable)))
                .collect()
        };
        let survey = SysctlSurvey {
            here: all(&[
                ("net.ipv4.tcp_fin_timeout", "15", true),
                ("net.ipv4.tcp_sack", "1", true),
                ("net.ipv4.tcp_rfc1337", "0", true),
                ("net.ipv4.tcp_min_snd_mss", "48", true),
                // The lab pins 6 MiB; the kernel's own is 32 MiB.
                ("net.ipv4.tcp_rmem", "4096 131072 33554432", true),
                ("net.ipv4.tcp_mem", "287901 383868 575802", true),
                ("net.ipv4.conf.all.rp_filter", "2", true),
                ("net.ipv4.conf.eth0.rp_filter", "2", true),
                ("net.ipv4.conf.default.accept_source_route", "1", true),
                ("net.core.rmem_max", "9", true),
                ("net.core.netdev_max_backlog", "1000", true),
                ("net.netfilter.nf_conntrack_count", "7", false),
            ]),
            fresh: all(&[("net.ipv4.tcp_min_snd_mss", "48", true)]),
            machine: Some(Machine {
                kernel: "6.18".parse().unwrap(),
                memory: 25_276_510_208,
            }),
            ..SysctlSurvey::default()
        };
        assert_eq!(
            running(&survey).text,
            "net.core.rmem_max = 9\nnet.ipv4.conf.all.rp_filter = 2\nnet.ipv4.tcp_fin_timeout = 15\n"
        );
    }
}
