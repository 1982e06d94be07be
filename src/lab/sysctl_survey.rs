//! Surveys the kernel's settings: which ones exist, which belong to a namespace, and which values the kernel
//! accepts. Values are tried in new namespaces that disappear afterwards; nothing is written on the host.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::baseline::{self, PinnedSettings};
use super::known_sysctls::is_host_wide;
use crate::causes::chain;
use crate::sys::sandbox::{SandboxOptions, SandboxProcess, enter, in_child, is_privileged};
use crate::sys::sysctl::{Key, SysctlError, Sysctls, same};
use crate::sys::sysctl_tree;

/// Settings that are secret, or random in each namespace; their values are never shown.
const SECRET: [&str; 2] = ["tcp_fastopen_key", "stable_secret"];

/// The network settings that this kernel has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SysctlSurvey {
    /// Settings of this host, which are only read.
    pub here: BTreeMap<String, FoundSysctl>,
    /// Settings of a new namespace; some are copied from the host and some depend on the machine's memory.
    pub fresh: BTreeMap<String, FoundSysctl>,
    /// Settings of a namespace after the baseline was applied, which is the state in which labs start.
    pub baseline: BTreeMap<String, FoundSysctl>,
}

/// A setting that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FoundSysctl {
    /// The value; absent if it cannot be read or is a secret.
    pub value: Option<String>,
    pub writable: bool,
}

/// The result of writing a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum WriteOutcome {
    AsWritten,
    /// The kernel kept another value.
    Other(String),
    /// The kernel refused the value, with this error.
    Refused(String),
}

/// An error of surveying settings.
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
        PinnedSettings::take(baseline::NODE, &mut sysctls);
        PinnedSettings::take(baseline::CONNTRACK, &mut sysctls);
        let baseline = look().map_err(|error| error.to_string())?;
        Ok::<_, String>((fresh, baseline))
    })?;
    let (fresh, baseline) = fresh.map_err(SurveyError::Sandbox)?;
    Ok(SysctlSurvey {
        here,
        fresh,
        baseline,
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

/// Writes each value in a new namespace, separately from the others, and reads it back. The result is `None` for
/// settings that do not belong to the namespace; they are not written. The process must have only one thread.
///
/// # Errors
/// See [`SurveyError`].
pub fn try_values(values: &[(String, String)]) -> Result<Vec<Option<WriteOutcome>>, SurveyError> {
    let values = values.to_vec();
    inside(move || {
        let mut sysctls = Sysctls::new();
        let answers = values
            .iter()
            .map(|(key, value)| try_one(key, value, &mut sysctls));
        answers.collect::<Vec<_>>()
    })
}

fn try_one(key: &str, value: &str, sysctls: &mut Sysctls) -> Option<WriteOutcome> {
    let key = Key::parse(key).filter(|key| key.is_network() && !is_host_wide(key.as_str()))?;
    let before = sysctls.read(&key);
    let kept = match sysctls.set(&key, value) {
        Ok(now) if same(value, &now) => WriteOutcome::AsWritten,
        Ok(now) => WriteOutcome::Other(now),
        Err(SysctlError::Absent | SysctlError::ReadOnly) => return None,
        Err(SysctlError::Refused(error)) if error.kind() == io::ErrorKind::NotFound => {
            WriteOutcome::Refused(
                "the kernel has nothing of this name, or has not loaded its module".to_owned(),
            )
        }
        Err(error) => WriteOutcome::Refused(chain(&error)),
    };
    if let Ok(before) = before {
        let _the_next_is_tried_alone = sysctls.set(&key, &before);
    }
    Some(kept)
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

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_a_value_is_kept_changed_or_refused_and_the_host_is_unchanged() {
        let host = |key| Sysctls::new().read(&Key::parse(key).unwrap()).unwrap();
        let before = (host("net.ipv4.tcp_fin_timeout"), host("net.core.somaxconn"));
        let values = [
            ("net.ipv4.tcp_fin_timeout", "17"),
            ("net.ipv4.tcp_keepalive_time", "7200 5"),
            ("net.core.somaxconn", "-5"),
            ("net.ipv4.no_such_key", "1"),
            ("net.core.rmem_max", "1"),
            ("kernel.pid_max", "4194304"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let kept = try_values(&values).unwrap();
        assert_eq!(kept[0], Some(WriteOutcome::AsWritten));
        assert_eq!(kept[1], Some(WriteOutcome::Other("7200".to_owned())));
        assert!(
            matches!(kept[2], Some(WriteOutcome::Refused(_))),
            "{kept:?}"
        );
        assert_eq!(kept[3..], [None, None, None]);
        let after = (host("net.ipv4.tcp_fin_timeout"), host("net.core.somaxconn"));
        assert_eq!(before, after);
    }

    #[test]
    #[ignore = "kernel test: `-- --include-ignored` runs it"]
    fn kernel_a_new_namespace_has_the_baseline_and_no_host_wide_settings() {
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
