//! The state that a line is compared with: this host as it is, another host, or the kernel's own defaults.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::merge::SysctlSource;
use super::name::Name;
use crate::lab::sysctl_survey::SysctlSurvey;
use crate::sysctls;

/// Longest value of another host that is used; sysctl(8) accepts no longer ones.
const LONGEST_VALUE: usize = 4096;

/// The state to compare with, as a user asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ReferenceChoice {
    /// This host as it is.
    #[default]
    ThisHost,
    /// Another host: the output of `sysctl -a` there.
    OtherHost(SysctlSource),
    /// The kernel's own defaults for its version and the machine's memory.
    Stock,
}

/// The values that settings have without the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// The name for reports, as in "compared with this host as it is".
    pub name: String,
    /// The place of its values, as in "60 on this host".
    pub place: String,
    values: BTreeMap<String, String>,
    /// Keys that it lacks, whose values are the kernel's own defaults.
    defaults: BTreeSet<String>,
}

impl Reference {
    /// Collects the values of a reference.
    pub fn of(choice: &ReferenceChoice, survey: &SysctlSurvey) -> Self {
        match choice {
            ReferenceChoice::ThisHost => Self {
                name: "this host as it is".to_owned(),
                place: "on this host".to_owned(),
                values: values_of(survey, |key| survey.here.get(key)?.value.clone()),
                defaults: BTreeSet::new(),
            },
            ReferenceChoice::OtherHost(source) => {
                let values = printed(&source.text);
                // A part of the output, or an older kernel, lacks keys.
                let mut defaults = values_of(survey, |key| stock(key, survey));
                defaults.retain(|key, _| !values.contains_key(key));
                let kernel = values.get("kernel.osrelease");
                let kernel =
                    kernel.map_or_else(String::new, |release| format!(" (Linux {release})"));
                Self {
                    name: format!("the host of {}{kernel}", source.label),
                    place: format!("on the host of {}", source.label),
                    defaults: defaults.keys().cloned().collect(),
                    values: defaults.into_iter().chain(values).collect(),
                }
            }
            ReferenceChoice::Stock => Self {
                name: match survey.machine {
                    Some(machine) => format!(
                        "the defaults of Linux {} with {} MiB of memory",
                        machine.kernel,
                        machine.memory >> 20
                    ),
                    None => "the defaults of this kernel".to_owned(),
                },
                place: "by default".to_owned(),
                values: values_of(survey, |key| stock(key, survey)),
                defaults: BTreeSet::new(),
            },
        }
    }

    /// The place of the value of a key, as in "60 on this host".
    pub fn place_of(&self, key: &str) -> &str {
        if self.defaults.contains(key) {
            "by default"
        } else {
            &self.place
        }
    }

    /// The value of a key; `None` if the reference does not have it or it is not known.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// All values.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }
}

fn values_of(
    survey: &SysctlSurvey,
    value: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, String> {
    let keys = survey.here.keys().chain(survey.fresh.keys());
    keys.filter_map(|key| Some((key.clone(), value(key)?)))
        .collect()
}

/// Returns the value that this kernel gives a setting by itself: as it was built, as the catalogue has it, or
/// as a fresh namespace has it if that does not copy it from the host. `None` if it is not known.
pub fn stock(key: &str, survey: &SysctlSurvey) -> Option<String> {
    let built_in = || survey.built_in.get(key).cloned();
    let documented = || sysctls::default(key, survey.machine?);
    let constant = || {
        let fresh = survey.fresh.get(key).filter(|_| !is_copied(key, survey));
        fresh?.value.clone()
    };
    built_in().or_else(documented).or_else(constant)
}

/// Returns true if a new namespace has the host's value (Linux 6.18: `tcp_sk_init` in `net/ipv4/tcp_ipv4.c`,
/// `devinet_init_net` in `net/ipv4/devinet.c`, `addrconf_init_net` in `net/ipv6/addrconf.c`,
/// `neigh_parms_alloc` in `net/core/neighbour.c`).
fn is_copied(key: &str, survey: &SysctlSurvey) -> bool {
    const COPIED: [&str; 5] = [
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
        "net.ipv4.tcp_congestion_control",
        "net.ipv4.ip_forward",
        "net.core.rps_default_mask",
    ];
    let inherits = || {
        let inherit = survey.here.get("net.core.devconf_inherit_init_net");
        !inherit.is_some_and(|found| matches!(found.value.as_deref(), Some("0" | "2")))
    };
    match key.split('.').collect::<Vec<_>>()[..] {
        ["net", _, "neigh", ..] => true,
        ["net", "ipv6", "conf", "all" | "default", ..] => inherits(),
        ["net", _, "conf", ..] => true,
        _ => COPIED.contains(&key),
    }
}

/// Reads the output of `sysctl -a`. Other lines, such as errors of sysctl, are skipped.
pub(super) fn printed(text: &str) -> BTreeMap<String, String> {
    let setting = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let key = Name::read(key.trim())
            .ok()
            .filter(|name| !name.is_pattern())?;
        let value: Vec<&str> = value.split_whitespace().collect();
        let value = value.join(" ");
        let fits = value.len() <= LONGEST_VALUE && !value.contains(char::is_control);
        fits.then(|| (key.as_str().to_owned(), value))
    };
    text.lines().filter_map(setting).collect()
}

/// Returns the number that the kernel reads: decimal, hexadecimal after `0x`, octal after a 0 (`strtol` with base 0).
pub(super) fn number(word: &str) -> Option<i128> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word),
    };
    let hex = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let value = match hex {
        Some(hex) => i128::from_str_radix(hex, 16),
        None if is_octal(word) => i128::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit());
    value.ok().filter(|_| is_number).map(|value| sign * value)
}

/// Returns true if the kernel reads a word as an octal number.
pub(super) fn is_octal(word: &str) -> bool {
    let digits = word.trim_start_matches('-');
    digits.len() > 1
        && digits.starts_with('0')
        && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// Returns true if two values are the same words or numbers.
pub(super) fn same_value(one: &str, other: &str) -> bool {
    let same = |(one, other): (&str, &str)| {
        one == other || matches!((number(one), number(other)), (Some(a), Some(b)) if a == b)
    };
    let (ours, theirs) = (one.split_whitespace(), other.split_whitespace());
    ours.clone().count() == theirs.clone().count() && ours.zip(theirs).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::sysctl_survey::FoundSysctl;
    use crate::sysctls::Machine;

    fn found(pairs: &[(&str, &str)]) -> BTreeMap<String, FoundSysctl> {
        let each = pairs.iter().map(|(key, value)| {
            let found = FoundSysctl {
                value: Some((*value).to_owned()),
                writable: true,
            };
            ((*key).to_owned(), found)
        });
        each.collect()
    }

    /// A tuned host with Linux 6.18 and 24 GiB, whose new namespaces copy the tuning.
    fn tuned() -> SysctlSurvey {
        let copied = [
            ("net.ipv4.tcp_rmem", "4096 131072 6291456"),
            ("net.ipv4.tcp_congestion_control", "bbr"),
            ("net.ipv4.conf.all.rp_filter", "2"),
            ("net.ipv6.conf.all.seg6_enabled", "5"),
        ];
        let mut fresh = found(&copied);
        fresh.extend(found(&[
            ("net.ipv4.tcp_min_snd_mss", "48"),
            ("net.ipv4.tcp_fin_timeout", "60"),
        ]));
        let mut here = found(&copied);
        here.extend(found(&[
            ("net.ipv4.tcp_min_snd_mss", "500"),
            ("net.ipv4.tcp_fin_timeout", "15"),
            ("net.core.somaxconn", "65535"),
            ("net.core.rmem_max", "16777216"),
        ]));
        SysctlSurvey {
            here,
            fresh,
            machine: Some(Machine {
                kernel: "6.18".parse().unwrap(),
                memory: 24 << 30,
            }),
            ..SysctlSurvey::default()
        }
    }

    #[test]
    fn a_copied_value_is_not_a_default() {
        let survey = tuned();
        let stock = |key| stock(key, &survey);
        assert_eq!(stock("net.ipv4.tcp_rmem").unwrap(), "4096 131072 33554432");
        assert_eq!(stock("net.ipv4.tcp_congestion_control").unwrap(), "cubic");
        assert_eq!(stock("net.ipv4.conf.all.rp_filter").unwrap(), "0");
        assert_eq!(
            stock("net.ipv6.conf.all.seg6_enabled"),
            None,
            "unknown rather than copied"
        );
        assert_eq!(
            stock("net.ipv4.tcp_min_snd_mss").unwrap(),
            "48",
            "a constant"
        );
        assert_eq!(
            stock("net.core.rmem_max").unwrap(),
            "4194304",
            "no namespace has it"
        );
    }

    #[test]
    fn the_default_of_a_build_is_used_before_that_of_the_sources() {
        let mut survey = tuned();
        let key = "net.ipv4.tcp_congestion_control";
        survey.built_in.insert(key.to_owned(), "bbr".to_owned());
        assert_eq!(stock(key, &survey).unwrap(), "bbr");
    }

    #[test]
    fn each_reference_has_its_own_value_and_name() {
        let survey = tuned();
        let other = SysctlSource {
            label: "db1.txt".to_owned(),
            text: "sysctl: permission denied on key 'x'\nkernel.osrelease = 5.15.0\n\
                   net.ipv4.tcp_fin_timeout = 30\nnet.ipv4.tcp_rmem = 1\t2\t3\nnet.evil = a\u{1b}[31m\n"
                .to_owned(),
        };
        let value = |choice| {
            let reference = Reference::of(&choice, &survey);
            let value = reference
                .value("net.ipv4.tcp_fin_timeout")
                .map(str::to_owned);
            (reference.name, value.unwrap())
        };
        assert_eq!(
            value(ReferenceChoice::ThisHost),
            ("this host as it is".to_owned(), "15".to_owned())
        );
        let (name, stock) = value(ReferenceChoice::Stock);
        assert!(
            name.contains("Linux 6.18") && stock == "60",
            "{name}: {stock}"
        );
        let other = ReferenceChoice::OtherHost(other);
        let reference = Reference::of(&other, &survey);
        assert_eq!(value(other).0, "the host of db1.txt (Linux 5.15.0)");
        assert_eq!(reference.value("net.ipv4.tcp_rmem"), Some("1 2 3"));
        assert_eq!(reference.value("net.evil"), None);
        // A key that the output lacks has the kernel's default, and says so.
        let (given, lacked) = ("net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_min_snd_mss");
        assert_eq!(reference.value(lacked), Some("48"));
        let places = [given, lacked].map(|key| reference.place_of(key));
        assert_eq!(places, ["on the host of db1.txt", "by default"]);
    }
}
