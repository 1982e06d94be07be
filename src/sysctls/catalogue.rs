//! The settings of `catalogue.tsv`, read once and found by key.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::form::Form;
use super::version::KernelVersion;

/// A setting as `catalogue.tsv` describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// With dots; `*` stands for an interface, `all` or `default`.
    pub key: &'static str,
    /// The state of the setting in today's kernels.
    pub fate: Fate,
    /// The namespaces that can write it on Linux 6.18.
    pub scope: SettingScope,
    /// The values it takes.
    pub form: Form,
    /// Defaults by version, see [`super::default`].
    pub(super) defaults: &'static str,
    /// The subject of the setting, if a statement is made about it.
    pub about: Option<About>,
    /// Completes "it ..."; empty without a statement.
    pub says: &'static str,
    /// The document, commit or kernel file that says so.
    pub source: &'static str,
}

/// The state of a setting in today's kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Linux 6.18 has it and uses it.
    Current,
    /// Removed in this version.
    Gone(KernelVersion),
    /// Kept without effect from this version on.
    Idle(KernelVersion),
    /// Never in a release of kernel.org.
    Foreign,
}

/// The namespaces that can write a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingScope {
    /// Each network namespace has its own.
    Namespace,
    /// Only the initial namespace.
    Host,
}

/// The subject of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// Throughput and latency of connections.
    Speed,
    /// Numbers of connections, ports and entries, and their timeouts.
    Limits,
    /// Buffers and their bounds.
    Memory,
    /// Protection from others; traffic that nobody attacks is the same.
    Security,
    /// The role of the host: a router, a container host, a load balancer.
    Role,
    /// Lines in a log and counters only.
    Log,
    /// Automatic configuration of IPv6 addresses.
    Ipv6,
    /// No kernel of today uses it.
    Obsolete,
}

impl Setting {
    /// Returns true for a switch or a choice between a few ways of working, such as `tcp_syncookies`: one
    /// number without a unit, which is 0, 1 or 2 by default. A count or a size has a unit.
    pub fn is_mode(&self) -> bool {
        let Form::Numbers {
            most: 1,
            unit: "",
            high,
            ..
        } = self.form
        else {
            return false;
        };
        let few = high.is_some_and(|high| high <= 4);
        few || self.defaults.split(';').any(|part| {
            let value = part.split_once('=').map_or(part, |(_, value)| value);
            matches!(value, "0" | "1" | "2")
        })
    }

    /// Returns true if the default is a formula over the machine's memory, so that it is an estimate.
    pub fn is_estimated(&self) -> bool {
        self.defaults.contains('@')
    }
}

/// Every setting, in the order of the keys.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    CATALOGUE.values()
}

/// Finds a setting by its key with dots. The name of an interface (also `all` and `default`) stands for `*`.
pub fn find(key: &str) -> Option<&'static Setting> {
    CATALOGUE
        .get(key)
        .or_else(|| CATALOGUE.get(general(key)?.as_str()))
}

/// The key with `*` for the interface of `net.FAMILY.conf.INTERFACE.SETTING` and of `neigh`.
pub(super) fn general(key: &str) -> Option<String> {
    let words: Vec<&str> = key.split('.').collect();
    match words[..] {
        ["net", family, kind @ ("conf" | "neigh"), _, setting] => {
            Some(format!("net.{family}.{kind}.*.{setting}"))
        }
        _ => None,
    }
}

static CATALOGUE: LazyLock<BTreeMap<&'static str, Setting>> = LazyLock::new(|| {
    let lines = include_str!("catalogue.tsv").lines();
    let rows = lines.filter(|line| !line.starts_with('#'));
    rows.filter_map(setting)
        .map(|setting| (setting.key, setting))
        .collect()
});

/// Reads one line; `None` for a line that a test would have found.
fn setting(line: &'static str) -> Option<Setting> {
    let mut columns = line.split('\t');
    let mut next = || columns.next();
    Some(Setting {
        key: next()?,
        fate: fate(next()?)?,
        scope: match next()? {
            "netns" => SettingScope::Namespace,
            "host" => SettingScope::Host,
            _ => return None,
        },
        form: Form::parse(next()?)?,
        defaults: next()?,
        about: match next()? {
            "" => None,
            word => Some(about(word)?),
        },
        says: next()?,
        source: next()?,
    })
}

fn fate(text: &str) -> Option<Fate> {
    match text.split_once(' ') {
        None if text.is_empty() => Some(Fate::Current),
        None => (text == "foreign").then_some(Fate::Foreign),
        Some(("gone", version)) => Some(Fate::Gone(version.parse().ok()?)),
        Some(("idle", version)) => Some(Fate::Idle(version.parse().ok()?)),
        Some(_) => None,
    }
}

fn about(word: &str) -> Option<About> {
    Some(match word {
        "speed" => About::Speed,
        "limits" => About::Limits,
        "memory" => About::Memory,
        "security" => About::Security,
        "role" => About::Role,
        "log" => About::Log,
        "ipv6" => About::Ipv6,
        "obsolete" => About::Obsolete,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_catalogue_is_read_and_in_order() {
        let lines: Vec<&str> = include_str!("catalogue.tsv")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        for line in &lines {
            assert_eq!(line.split('\t').count(), 8, "{line}");
        }
        let unread: Vec<&&str> = lines
            .iter()
            .filter(|line| setting(line).is_none())
            .collect();
        assert!(unread.is_empty(), "{unread:?}");
        let keys: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "sorted, and each key once");
    }

    #[test]
    fn a_statement_has_its_source() {
        for setting in all() {
            let stated = setting.about.is_some();
            assert_eq!(stated, !setting.says.is_empty(), "{}", setting.key);
            assert_eq!(stated, !setting.source.is_empty(), "{}", setting.key);
            let obsolete = setting.about == Some(About::Obsolete);
            let current = setting.fate == Fate::Current;
            assert!(
                !(current && obsolete) || setting.key.ends_with("bootp_relay"),
                "{}",
                setting.key
            );
        }
    }

    #[test]
    fn switches_are_not_counts_or_sizes() {
        let is_mode = |name: &str| find(&format!("net.ipv4.{name}")).unwrap().is_mode();
        for mode in [
            "tcp_syncookies",
            "tcp_timestamps",
            "tcp_tw_reuse",
            "tcp_sack",
            "tcp_early_retrans",
            "tcp_abort_on_overflow",
            "ip_forward",
        ] {
            assert!(is_mode(mode), "{mode}");
        }
        for size in [
            "tcp_orphan_retries",
            "tcp_retries1",
            "tcp_max_syn_backlog",
            "tcp_reordering",
            "tcp_fin_timeout",
            "tcp_rmem",
            "tcp_congestion_control",
        ] {
            assert!(!is_mode(size), "{size}");
        }
    }

    #[test]
    fn socket_buffers_below_the_kernels_least_are_refused() {
        for (name, least) in [("rmem", 2304), ("wmem", 4608)] {
            for end in ["max", "default"] {
                let form = find(&format!("net.core.{name}_{end}")).unwrap().form;
                assert!(form.check(&least.to_string()).is_ok(), "{name}_{end}");
                assert!(
                    form.check(&(least - 1).to_string()).is_err(),
                    "{name}_{end}"
                );
            }
        }
    }

    #[test]
    fn the_name_of_an_interface_stands_for_any() {
        for key in [
            "net.ipv4.conf.all.rp_filter",
            "net.ipv4.conf.eth0/100.rp_filter",
        ] {
            assert_eq!(find(key).unwrap().key, "net.ipv4.conf.*.rp_filter");
        }
        assert_eq!(find("net.ipv4.conf.all.nope"), None);
    }
}
