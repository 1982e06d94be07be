//! Surveys the kernel's settings: which ones exist, which belong to a namespace, and which values the kernel
//! accepts. Values are tried in new namespaces that disappear afterwards; nothing is written on the host.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::baseline::{self, PinnedSettings};
use super::known_sysctls::is_host_wide;
pub use super::machine::machine;
use crate::causes::chain;
use crate::scenario::topology::Baseline;
use crate::sys::build_config::build_option;
use crate::sys::sandbox::{SandboxOptions, SandboxProcess, enter, in_child, is_privileged};
use crate::sys::sysctl::{Key, SysctlError, Sysctls, same};
use crate::sys::sysctl_tree;
use crate::sysctls::Machine;

/// Settings that are secret, or random in each namespace; their values are never shown.
const SECRET: [&str; 2] = ["tcp_fastopen_key", "stable_secret"];

/// The network settings that this kernel has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysctlSurvey {
    /// Settings of this host, which are only read.
    pub here: BTreeMap<String, FoundSysctl>,
    /// Settings of a new namespace; some are copied from the host and some depend on the machine's memory.
    pub fresh: BTreeMap<String, FoundSysctl>,
    /// Settings of a namespace after the baseline was applied, which is the state in which labs start.
    pub baseline: BTreeMap<String, FoundSysctl>,
    /// The kernel's version and the machine's memory, which its defaults follow; absent if they cannot be read.
    pub machine: Option<Machine>,
    /// Defaults that were chosen when this kernel was built.
    pub built_in: BTreeMap<String, String>,
}

/// A setting that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FoundSysctl {
    /// The value; absent if it cannot be read or is a secret.
    pub value: Option<String>,
    pub writable: bool,
}

/// The fate of a value that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum WriteOutcome {
    AsWritten,
    /// The kernel kept another value.
    Other(String),
    /// The kernel refused the value, with this error.
    Refused(String),
    /// Only the initial namespace may use it: a congestion control that `tcp_allowed_congestion_control` does
    /// not list.
    Restricted,
    /// Not written, because writing it could load a module: a congestion control that the kernel does not list.
    Unlisted,
}

/// A value that was written after those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteAttempt {
    /// The value before, as the kernel shows it.
    pub before: Option<String>,
    /// The value afterwards, as the kernel shows it.
    pub after: Option<String>,
    /// The result.
    pub outcome: WriteOutcome,
    /// A later value that gave this key another value again.
    pub reset: Option<SysctlReset>,
}

/// A setting that was changed by writing another one: `ip_forward` resets `conf.all.accept_redirects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysctlReset {
    /// Position of the value that did it.
    pub by: usize,
    /// The value that the key has since.
    pub to: String,
}

/// The result of writing values one after the other in one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedWrites {
    /// The namespace's value of each key before the first was written.
    pub start: BTreeMap<String, String>,
    /// An entry for each value; `None` if it is not the namespace's own setting, so it was not written.
    pub attempts: Vec<Option<WriteAttempt>>,
}

/// The kernel could not be examined.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SurveyError {
    #[error("cannot list the settings below /proc/sys/net")]
    List(#[source] io::Error),
    /// The child process cannot be created.
    #[error("cannot create a process")]
    Process(#[source] io::Error),
    /// The namespaces cannot be created.
    #[error("{0}; `nslab doctor` shows what is missing")]
    Sandbox(String),
}

/// Reads every network setting. The process must have only one thread, because this forks.
///
/// # Errors
/// See [`SurveyError`].
pub fn survey() -> Result<SysctlSurvey, SurveyError> {
    let here = look().map_err(SurveyError::List)?;
    let fresh = inside(|| {
        let fresh = look().map_err(|error| error.to_string())?;
        let mut sysctls = Sysctls::new();
        PinnedSettings::take(baseline::NODE, Baseline::Pinned, &mut sysctls);
        PinnedSettings::take(baseline::CONNTRACK, Baseline::Pinned, &mut sysctls);
        let baseline = look().map_err(|error| error.to_string())?;
        Ok::<_, String>((fresh, baseline))
    })?;
    let (fresh, baseline) = fresh.map_err(SurveyError::Sandbox)?;
    Ok(SysctlSurvey {
        here,
        fresh,
        baseline,
        machine: machine(),
        built_in: built_in(),
    })
}

/// Looks up a setting of this host outside `net.*`. It is only read.
pub fn find_non_network(key: &str) -> Option<FoundSysctl> {
    let key = Key::parse(key).filter(|key| !key.is_network())?;
    let entry = sysctl_tree::find(&key)?;
    Some(FoundSysctl {
        value: Sysctls::new().read(&key).ok(),
        writable: entry.writable,
    })
}

/// Returns the keys of this host's settings outside `net.*`.
pub fn non_network_keys() -> Vec<String> {
    let keys = sysctl_tree::non_network().into_iter();
    keys.map(|entry| entry.key.as_str().to_owned()).collect()
}

/// Returns the defaults that a distribution chooses (Linux `net/ipv4/Kconfig`, `net/sched/Kconfig`). The
/// default congestion control is allowed for everyone, beside reno (`tcp_set_default_congestion_control`).
fn built_in() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    if let Some(control) = build_option("CONFIG_DEFAULT_TCP_CONG") {
        let allowed = match control.as_str() {
            "reno" => "reno".to_owned(),
            other => format!("reno {other}"),
        };
        all.insert(
            "net.ipv4.tcp_allowed_congestion_control".to_owned(),
            allowed,
        );
        all.insert(CONGESTION_CONTROL.to_owned(), control);
    }
    if let Some(qdisc) = build_option("CONFIG_DEFAULT_NET_SCH") {
        all.insert("net.core.default_qdisc".to_owned(), qdisc);
    }
    all
}

/// Writes values one after the other in a fresh namespace that begins with the values of `start`, as far as a
/// namespace can have them, and reads each back. Call it while the process has one thread.
///
/// # Errors
/// See [`SurveyError`].
pub fn try_in_order(
    start: &BTreeMap<String, String>,
    values: &[(String, String)],
) -> Result<OrderedWrites, SurveyError> {
    let (start, values) = (start.clone(), values.to_vec());
    inside(move || ordered_writes(&start, &values, own_key))
}

/// Names a setting that programs' congestion control comes from. The kernel loads a module for a name that it
/// lacks.
pub(super) const CONGESTION_CONTROL: &str = "net.ipv4.tcp_congestion_control";

/// Values up to which it is looked after each write which earlier ones it changed; for later ones only at the
/// end.
const WATCHED: usize = 256;

/// Settings that reset others, so they are written first.
const FIRST: [&str; 3] = [
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.forwarding",
    "net.ipv6.conf.all.forwarding",
];

pub(super) fn ordered_writes(
    start: &BTreeMap<String, String>,
    values: &[(String, String)],
    own: KeyFilter,
) -> OrderedWrites {
    let mut sysctls = Sysctls::new();
    begin_with(start, own, &mut sysctls);
    let keys = values.iter().filter_map(|(key, _)| own(key));
    let start = keys
        .filter_map(|key| Some((key.as_str().to_owned(), sysctls.read(&key).ok()?)))
        .collect();
    let mut attempts: Vec<Option<WriteAttempt>> = Vec::with_capacity(values.len());
    for (at, (key, value)) in values.iter().enumerate() {
        attempts.push(try_one(key, value, own, &mut sysctls));
        if at < WATCHED {
            note_resets(&mut attempts, values, at, &mut sysctls);
        }
    }
    if values.len() > WATCHED {
        note_resets(&mut attempts, values, values.len() - 1, &mut sysctls);
    }
    OrderedWrites { start, attempts }
}

/// Gives the namespace the values of the reference. Twice, because the kernel refuses some values until another
/// is there.
fn begin_with(start: &BTreeMap<String, String>, own: KeyFilter, sysctls: &mut Sysctls) {
    let first = |key: &str| FIRST.contains(&key);
    let ordered = || {
        let early = start.iter().filter(move |(key, _)| first(key));
        early.chain(start.iter().filter(move |(key, _)| !first(key)))
    };
    for _ in 0..2 {
        for (key, value) in ordered() {
            let Some(key) = own(key).filter(|key| is_listed(key, value, sysctls)) else {
                continue;
            };
            if sysctls.read(&key).is_ok_and(|now| !same(value, &now)) {
                let _the_start_is_read_back = sysctls.set(&key, value);
            }
        }
    }
}

/// Marks the earlier values that the key no longer has, unless a later value is for the same key.
fn note_resets(
    attempts: &mut [Option<WriteAttempt>],
    values: &[(String, String)],
    by: usize,
    sysctls: &mut Sysctls,
) {
    for at in 0..by {
        let name = &values[at].0;
        let Some(attempt) = &mut attempts[at] else {
            continue;
        };
        if attempt.reset.is_some() || values[at + 1..=by].iter().any(|(later, _)| later == name) {
            continue;
        }
        let Some(now) = Key::parse(name).and_then(|key| sysctls.read(&key).ok()) else {
            continue;
        };
        if attempt.after.as_ref().is_some_and(|after| *after != now) {
            attempt.reset = Some(SysctlReset { by, to: now });
        }
    }
}

/// Returns the key of a setting that may be written, and `None` for others.
pub(super) type KeyFilter = fn(&str) -> Option<Key>;

/// Returns a key that each namespace has for itself. Others may be the whole kernel's even if a namespace can
/// write them.
fn own_key(key: &str) -> Option<Key> {
    Key::parse(key).filter(|key| key.is_network() && !is_host_wide(key.as_str()))
}

/// Returns false for a congestion control that the kernel would look for among its modules.
fn is_listed(key: &Key, value: &str, sysctls: &mut Sysctls) -> bool {
    if key.as_str() != CONGESTION_CONTROL {
        return true;
    }
    let list = Key::parse("net.ipv4.tcp_available_congestion_control");
    let list = list
        .and_then(|key| sysctls.read(&key).ok())
        .unwrap_or_default();
    list.split(' ').any(|listed| listed == value)
}

fn try_one(key: &str, value: &str, own: KeyFilter, sysctls: &mut Sysctls) -> Option<WriteAttempt> {
    let key = own(key)?;
    let before = sysctls.read(&key).ok();
    let outcome = if is_listed(&key, value, sysctls) {
        match sysctls.set(&key, value) {
            Ok(now) if same(value, &now) => WriteOutcome::AsWritten,
            Ok(now) => WriteOutcome::Other(now),
            Err(SysctlError::Absent | SysctlError::ReadOnly) => return None,
            Err(SysctlError::Refused(error))
                if key.as_str() == CONGESTION_CONTROL
                    && error.kind() == io::ErrorKind::PermissionDenied =>
            {
                WriteOutcome::Restricted
            }
            Err(SysctlError::Refused(error)) if error.kind() == io::ErrorKind::NotFound => {
                WriteOutcome::Refused(
                    "the kernel has nothing of this name, or has not loaded its module".to_owned(),
                )
            }
            Err(error) => WriteOutcome::Refused(chain(&error)),
        }
    } else {
        WriteOutcome::Unlisted
    };
    let after = sysctls.read(&key).ok();
    Some(WriteAttempt {
        before,
        after,
        outcome,
        reset: None,
    })
}

/// Reads every network setting of the calling thread's namespace.
fn look() -> io::Result<BTreeMap<String, FoundSysctl>> {
    let mut sysctls = Sysctls::new();
    let found = sysctl_tree::network()?.into_iter().map(|entry| {
        let secret = SECRET
            .iter()
            .any(|secret| entry.key.as_str().ends_with(secret));
        let found = FoundSysctl {
            value: (entry.readable && !secret)
                .then(|| sysctls.read(&entry.key).ok())
                .flatten(),
            writable: entry.writable,
        };
        (entry.key.as_str().to_owned(), found)
    });
    Ok(found.collect())
}

/// Runs `work` in a new namespace, in a child process.
fn inside<T: Serialize + for<'de> Deserialize<'de>>(
    work: impl FnOnce() -> T,
) -> Result<T, SurveyError> {
    let wanted = SandboxOptions {
        rootless: !is_privileged(),
        parent: None,
        keep: None,
    };
    let answer = in_child(|| {
        let answer: Result<T, String> = match enter(wanted) {
            Ok(SandboxProcess::Inside(_)) => Ok(work()),
            Ok(SandboxProcess::Finished(_)) => return Vec::new(),
            Err(error) => Err(chain(&error)),
        };
        serde_json::to_vec(&answer).unwrap_or_default()
    });
    let answer = answer.map_err(SurveyError::Process)?;
    serde_json::from_slice::<Result<T, String>>(&answer)
        .map_err(|_| SurveyError::Sandbox("the process that tried it did not answer".to_owned()))?
        .map_err(SurveyError::Sandbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs<const N: usize>(values: [(&str, &str); N]) -> Vec<(String, String)> {
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        values.map(owned).into()
    }

    fn outcomes(writes: &OrderedWrites) -> Vec<Option<WriteOutcome>> {
        let outcome = |attempt: &Option<WriteAttempt>| Some(attempt.as_ref()?.outcome.clone());
        writes.attempts.iter().map(outcome).collect()
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_a_value_is_kept_changed_or_refused_and_the_host_is_unchanged() {
        let host = |key| Sysctls::new().read(&Key::parse(key).unwrap()).unwrap();
        let before = (host("net.ipv4.tcp_fin_timeout"), host("net.core.somaxconn"));
        let values = pairs([
            ("net.ipv4.tcp_fin_timeout", "17"),
            ("net.ipv4.tcp_keepalive_time", "7200 5"),
            ("net.core.somaxconn", "-5"),
            ("net.ipv4.no_such_key", "1"),
            ("net.core.rmem_max", "1"),
            ("kernel.pid_max", "4194304"),
            ("net.netfilter.nf_hooks_lwtunnel", "1"),
        ]);
        let kept = outcomes(&try_in_order(&BTreeMap::new(), &values).unwrap());
        assert_eq!(kept[0], Some(WriteOutcome::AsWritten));
        assert_eq!(kept[1], Some(WriteOutcome::Other("7200".to_owned())));
        assert!(
            matches!(kept[2], Some(WriteOutcome::Refused(_))),
            "{kept:?}"
        );
        assert_eq!(kept[3..], [None, None, None, None]);
        let after = (host("net.ipv4.tcp_fin_timeout"), host("net.core.somaxconn"));
        assert_eq!(before, after);
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_each_value_meets_the_state_that_those_before_it_leave() {
        let ports = "net.ipv4.ip_local_port_range";
        let privileged = "net.ipv4.ip_unprivileged_port_start";
        let start = BTreeMap::from_iter(pairs([(ports, "2000 60999")]));
        // The first port that needs no privilege must not lie within the range.
        let values = pairs([
            (privileged, "3000"),
            (ports, "4000 60999"),
            (privileged, "3000"),
        ]);
        let writes = try_in_order(&start, &values).unwrap();
        assert_eq!(writes.start[ports], "2000 60999");
        let kept = outcomes(&writes);
        assert!(
            matches!(kept[0], Some(WriteOutcome::Refused(_))),
            "{kept:?}"
        );
        assert_eq!(
            kept[1..],
            [Some(WriteOutcome::AsWritten), Some(WriteOutcome::AsWritten)]
        );
        let fragments = pairs([
            ("net.ipv4.ipfrag_low_thresh", "1000000"),
            // Refused without the line before: the high threshold may not be below the low one.
            ("net.ipv4.ipfrag_high_thresh", "2000000"),
        ]);
        let alone = outcomes(&try_in_order(&BTreeMap::new(), &fragments[1..]).unwrap());
        assert!(
            matches!(alone[0], Some(WriteOutcome::Refused(_))),
            "{alone:?}"
        );
        let kept = outcomes(&try_in_order(&BTreeMap::new(), &fragments).unwrap());
        assert_eq!(kept, [const { Some(WriteOutcome::AsWritten) }; 2]);
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_a_value_that_a_later_one_resets_is_found() {
        let redirects = "net.ipv4.conf.all.accept_redirects";
        let values = pairs([
            (redirects, "1"),
            ("net.core.somaxconn", "5"),
            ("net.ipv4.ip_forward", "1"),
        ]);
        let start = BTreeMap::from_iter(pairs([("net.ipv4.ip_forward", "0")]));
        let writes = try_in_order(&start, &values).unwrap();
        let reset = |at: usize| writes.attempts[at].as_ref().unwrap().reset.clone();
        assert_eq!(
            reset(0),
            Some(SysctlReset {
                by: 2,
                to: "0".to_owned()
            })
        );
        assert_eq!((reset(1), reset(2)), (None, None));
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_a_congestion_control_that_is_not_listed_is_not_written() {
        let values = pairs([
            (CONGESTION_CONTROL, "no_such"),
            (CONGESTION_CONTROL, "reno # slow"),
        ]);
        let start = BTreeMap::from_iter(pairs([(CONGESTION_CONTROL, "no_such")]));
        let kept = outcomes(&try_in_order(&start, &values).unwrap());
        assert_eq!(
            kept,
            [Some(WriteOutcome::Unlisted), Some(WriteOutcome::Unlisted)]
        );
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_a_fresh_namespace_has_the_baseline_and_not_what_is_host_wide() {
        let survey = survey().unwrap();
        let value = |key: &str| survey.baseline[key].value.clone();
        assert_eq!(
            value("net.ipv4.ip_local_port_range").as_deref(),
            Some("32768 60999")
        );
        assert!(survey.fresh["net.ipv4.tcp_fin_timeout"].writable);
        let own = |key: &str| survey.fresh.get(key).is_some_and(|found| found.writable);
        for key in ["net.core.netdev_max_backlog", "net.ipv4.tcp_mem"] {
            assert!(!own(key) && survey.here.contains_key(key), "{key}");
        }
        assert!(survey.here.values().any(|found| found.value.is_some()));
        assert!(!survey.here.contains_key("net.ipv4.tcp_tw_recycle"));
    }
}
