//! The advice on each line, and on several lines together.

use std::path::PathBuf;
use std::time::Duration;

use super::facts::{KeyFacts, KeyScope};
use super::merge::{LineMeaning, MergedLine};
use crate::compare::{Comparison, Conclusion, Trial};

/// The advice on one or more files.
#[derive(Debug, Clone)]
pub struct Advice {
    /// The files, or `this host`.
    pub sources: Vec<String>,
    /// Every line that is neither empty nor a comment.
    pub lines: Vec<LineAdvice>,
    /// Experiments with several lines at once.
    pub together: Vec<Experiment>,
    /// Time from start to end.
    pub took: Duration,
    /// The reason if not every planned comparison was made.
    pub cut_short: Option<&'static str>,
}

/// The advice on one line.
#[derive(Debug, Clone)]
pub struct LineAdvice {
    /// The line, merged with the others.
    pub entry: MergedLine,
    /// The facts about its key, or about every key that its pattern matches.
    pub facts: Vec<KeyFacts>,
    /// Scenarios that would show its effect but were not run, with the reason.
    pub not_run: Vec<(String, &'static str)>,
    /// Scenarios that end before this value has an effect, with the largest value whose effect they show.
    pub too_short: Vec<(String, u64)>,
    /// The comparisons that show its effect.
    pub experiments: Vec<Experiment>,
}

/// A scenario that was run with and without one or more lines.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Label of the scenario.
    pub scenario: String,
    /// The variant that was run.
    pub variant: Option<String>,
    /// Positions of the lines whose effect it shows.
    pub lines: Vec<usize>,
    /// Keys that the scenario sets itself; the values of the lines were not used.
    pub fixed: Vec<String>,
    /// True if the lab emulated a kernel feature.
    pub emulated: bool,
    /// The result.
    pub comparison: Comparison,
    /// Files of its records.
    pub records: Vec<PathBuf>,
}

impl Experiment {
    /// Summarizes a trial of two sides. Returns `None` if the trial has no comparison.
    pub(super) fn of(trial: &Trial, lines: Vec<usize>, fixed: Vec<String>) -> Option<Self> {
        let side = &trial.sides.first()?.side;
        let runs = || trial.sides.iter().flat_map(|tried| &tried.runs);
        Some(Self {
            scenario: side.file.label.clone(),
            variant: side.spec.id.variant.clone(),
            lines,
            fixed,
            comparison: trial.comparisons.first()?.clone(),
            emulated: runs().any(|run| run.timeline.emulated()),
            records: runs()
                .filter_map(|run| run.record.as_ref().ok()?.clone())
                .collect(),
        })
    }
}

/// The advice on a line in one or two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// The effect that was measured.
    Did(Conclusion),
    /// No such key, no value, or a value that the kernel refuses or changes.
    CannotApply,
    /// Cannot apply, but its `-` says that failure does not matter.
    Ignored,
    /// Another line sets the key.
    Overridden,
    /// Excludes keys from patterns.
    Excludes,
    /// A pattern without keys: none matches, or other lines set them all.
    MatchesNothing,
    /// Applies to the whole kernel, so it was not tried.
    HostWide,
    /// The value is the default.
    AlreadySo,
    /// The kernel has the key but ignores it.
    WithoutEffect,
    /// Can be set, but no scenario shows its effect.
    NoScenario,
    /// Can be set, but the scenarios that show its effect were not run.
    NotRun,
    /// Can be set, but the scenarios end before it has an effect.
    NotShown,
}

impl Ruling {
    /// Returns the words for reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Did(answer) => answer.as_str(),
            Self::CannotApply => "cannot apply",
            Self::Ignored => "is ignored",
            Self::Overridden => "overridden",
            Self::Excludes => "keeps out",
            Self::MatchesNothing => "matches nothing",
            Self::HostWide => "host-wide",
            Self::AlreadySo => "already so",
            Self::WithoutEffect => "no effect",
            Self::NoScenario => "no scenario",
            Self::NotRun => "not run",
            Self::NotShown => "not shown",
        }
    }

    /// Returns true if the line should not be in a tuning file.
    pub fn is_bad(self) -> bool {
        match self {
            Self::Did(answer) => hurts(answer),
            Self::CannotApply => true,
            Self::Ignored
            | Self::Overridden
            | Self::Excludes
            | Self::MatchesNothing
            | Self::HostWide
            | Self::AlreadySo
            | Self::WithoutEffect
            | Self::NoScenario
            | Self::NotRun
            | Self::NotShown => false,
        }
    }
}

fn hurts(answer: Conclusion) -> bool {
    matches!(answer, Conclusion::Hurts | Conclusion::HelpsAndHurts)
}

impl LineAdvice {
    /// Returns the advice in one or two words.
    pub fn ruling(&self) -> Ruling {
        let (may_fail, name) = match &self.entry.meaning {
            LineMeaning::Wrong(_) => return Ruling::CannotApply,
            LineMeaning::Excludes => return Ruling::Excludes,
            LineMeaning::Overridden(_) => return Ruling::Overridden,
            LineMeaning::Sets { may_fail, name, .. } => (*may_fail, name),
        };
        let refused = self.facts.iter().any(|key| key.refusal().is_some());
        match () {
            () if self.facts.is_empty() && name.is_pattern() => Ruling::MatchesNothing,
            () if (refused || self.facts.is_empty()) && may_fail => Ruling::Ignored,
            () if refused || self.facts.is_empty() => Ruling::CannotApply,
            () if !self.experiments.is_empty() => match overall(&self.experiments) {
                // The scenarios that were run end too early to show an effect.
                Conclusion::NoEffect if !self.too_short.is_empty() => Ruling::NotShown,
                answer => Ruling::Did(answer),
            },
            () if self.facts.iter().all(KeyFacts::is_ignored) => Ruling::WithoutEffect,
            () if self.facts.iter().all(|key| key.scope == KeyScope::Kernel) => Ruling::HostWide,
            () if self.is_already_so() => Ruling::AlreadySo,
            () if !self.not_run.is_empty() => Ruling::NotRun,
            () if !self.too_short.is_empty() => Ruling::NotShown,
            () => Ruling::NoScenario,
        }
    }

    /// Returns true if every key has this value by default.
    pub fn is_already_so(&self) -> bool {
        let LineMeaning::Sets { value, .. } = &self.entry.meaning else {
            return false;
        };
        let same = |key: &KeyFacts| {
            key.default_value()
                .is_some_and(|without| without.split_whitespace().eq(value.split_whitespace()))
        };
        !self.facts.is_empty() && self.facts.iter().all(same)
    }
}

/// Combines the answers of several scenarios. One that hurts decides, then one that helps; an effect seen
/// in one scenario counts more than an unclear result in another.
fn overall(experiments: &[Experiment]) -> Conclusion {
    let answers = || experiments.iter().map(|each| each.comparison.answer);
    let any = |wanted: Conclusion| answers().any(|answer| answer == wanted);
    let helps = any(Conclusion::Helps);
    if any(Conclusion::HelpsAndHurts) || (helps && any(Conclusion::Hurts)) {
        return Conclusion::HelpsAndHurts;
    }
    let order = [
        Conclusion::Hurts,
        Conclusion::Helps,
        Conclusion::Errored,
        Conclusion::Changes,
        Conclusion::TooNoisy,
        Conclusion::NoEffect,
    ];
    let found = order.into_iter().find(|answer| any(*answer));
    found.unwrap_or(Conclusion::NotApplicable)
}

impl Advice {
    /// Returns true if a line hurts or cannot apply, or several lines together hurt.
    pub fn is_bad(&self) -> bool {
        self.lines.iter().any(|line| line.ruling().is_bad())
            || self
                .together
                .iter()
                .any(|each| hurts(each.comparison.answer))
    }

    /// Returns true if a result is noisy, errored or missing.
    pub fn is_unclear(&self) -> bool {
        let lines = self.lines.iter().flat_map(|line| &line.experiments);
        let unclear = |answer| matches!(answer, Conclusion::TooNoisy | Conclusion::Errored);
        self.cut_short.is_some()
            || lines
                .chain(&self.together)
                .any(|each| unclear(each.comparison.answer))
    }
}
