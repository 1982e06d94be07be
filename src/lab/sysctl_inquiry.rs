//! Questions about the settings of a kernel in a virtual machine, which nobody else uses: they are answered inside.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sysctl_survey::{
    CONGESTION_CONTROL, FoundSysctl, OrderedWrites, SurveyError, SysctlSurvey, find_non_network,
    non_network_keys, ordered_writes, survey,
};
use crate::sys::sysctl::Key;

/// A question about the settings of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SysctlInquiry {
    /// All settings.
    Settings,
    /// The fate of values that are written one after the other in the initial namespace, which then has the values of
    /// `start` first. Settings of the whole kernel are written too; those outside `net.` are not.
    Writes {
        /// The values to begin with.
        start: BTreeMap<String, String>,
        /// The keys and values to write.
        values: Vec<(String, String)>,
    },
}

/// All settings of a kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSettings {
    /// The settings of the network.
    pub survey: SysctlSurvey,
    /// The others.
    pub beyond: BTreeMap<String, FoundSysctl>,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SysctlAnswer {
    /// The answer to [`SysctlInquiry::Settings`].
    Settings(Box<KernelSettings>),
    /// The answer to [`SysctlInquiry::Writes`].
    Writes(OrderedWrites),
}

impl SysctlInquiry {
    /// Answers the question about the kernel that this process runs on, which must belong to nobody else. The process
    /// must have one thread.
    ///
    /// # Errors
    /// If the kernel cannot be examined.
    pub fn answer(&self) -> Result<SysctlAnswer, SurveyError> {
        Ok(match self {
            Self::Settings => {
                let found = |key: String| {
                    let found = find_non_network(&key)?;
                    Some((key, found))
                };
                SysctlAnswer::Settings(Box::new(KernelSettings {
                    survey: survey_since_boot()?,
                    beyond: non_network_keys().into_iter().filter_map(found).collect(),
                }))
            }
            Self::Writes { start, values } => {
                SysctlAnswer::Writes(ordered_writes(start, values, network_key))
            }
        })
    }
}

/// Surveys a kernel whose settings nobody has changed since it was booted: those that were chosen when it was built are
/// the ones that it has.
fn survey_since_boot() -> Result<SysctlSurvey, SurveyError> {
    const CHOSEN_AT_BUILD: [&str; 3] = [
        CONGESTION_CONTROL,
        "net.ipv4.tcp_allowed_congestion_control",
        "net.core.default_qdisc",
    ];
    let mut survey = survey()?;
    for key in CHOSEN_AT_BUILD {
        let value = survey.here.get(key).and_then(|found| found.value.clone());
        survey
            .built_in
            .extend(value.map(|value| (key.to_owned(), value)));
    }
    Ok(survey)
}

fn network_key(key: &str) -> Option<Key> {
    Key::parse(key).filter(Key::is_network)
}
