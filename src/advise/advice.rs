//! What is said of each line, and of all of them together.

use std::path::PathBuf;
use std::time::Duration;

use super::facts::{KeyFacts, Whose};
use super::merge::{Entry, Meaning};
use crate::compare::{Answer, Comparison, Trial};

/// What was said of a file.
#[derive(Debug, Clone)]
pub struct Advice {
    /// The files, or `this host`.
    pub sources: Vec<String>,
    /// Each line.
    pub lines: Vec<LineAdvice>,
    /// Lines together, where several were tried in one scenario.
    pub together: Vec<Experiment>,
    /// From start to end.
    pub took: Duration,
    /// Whether it was interrupted, or the time was over.
    pub cut_short: Option<&'static str>,
}

/// What was said of a line.
#[derive(Debug, Clone)]
pub struct LineAdvice {
    /// The line.
    pub entry: Entry,
    /// What this kernel says of its keys; of a pattern of each.
    pub facts: Vec<KeyFacts>,
    /// Scenarios that show its effect and were not run, with the reason.
    pub not_run: Vec<(String, &'static str)>,
    /// Scenarios that show its effect for smaller values only, with the largest: what this one does takes longer than they last.
    pub too_short: Vec<(String, u64)>,
    /// What it did in each scenario that shows its effect.
    pub experiments: Vec<Experiment>,
}

/// A scenario that was run with and without.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// The scenario's label.
    pub scenario: String,
    /// Its variant.
    pub variant: Option<String>,
    /// Lines whose effect it shows, by their position.
    pub lines: Vec<usize>,
    /// Keys that the scenario sets itself, so that the lines' values were left out.
    pub fixed: Vec<String>,
    /// Whether the lab stood in for a kernel feature.
    pub emulated: bool,
    /// What came of it.
    pub comparison: Comparison,
    /// Where its records are.
    pub records: Vec<PathBuf>,
}

impl Experiment {
    /// Takes from a trial of two sides what there is to say.
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

/// One word for a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// By what it did.
    Did(Answer),
    /// It cannot apply: no such key, no value, a value that the kernel refuses or changes.
    CannotApply,
    /// It cannot apply, and says by its `-` that this is no matter.
    Ignored,
    /// Another line takes its place.
    Overridden,
    /// It keeps keys out of patterns.
    Excludes,
    /// A pattern that no key matches, that no other line sets.
    MatchesNothing,
    /// It belongs to the whole kernel: it was not tried.
    HostWide,
    /// It is what there is without the line.
    AlreadySo,
    /// The kernel has the key and ignores it.
    WithoutEffect,
    /// It can be set; no scenario shows what it does.
    NoScenario,
    /// It can be set; the scenarios that show what it does were not run.
    NotRun,
    /// It can be set; what it does takes longer than the scenarios last that show it.
    NotShown,
}

impl Ruling {
    /// As people read it.
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

    /// Whether a tuning file should not have it.
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

fn hurts(answer: Answer) -> bool {
    matches!(answer, Answer::Hurts | Answer::HelpsAndHurts)
}

impl LineAdvice {
    /// The word for this line.
    pub fn ruling(&self) -> Ruling {
        let (may_fail, name) = match &self.entry.meaning {
            Meaning::Wrong(_) => return Ruling::CannotApply,
            Meaning::Excludes => return Ruling::Excludes,
            Meaning::Overridden(_) => return Ruling::Overridden,
            Meaning::Sets { may_fail, name, .. } => (*may_fail, name),
        };
        let refused = self.facts.iter().any(|key| key.refusal().is_some());
        match () {
            () if self.facts.is_empty() && name.is_pattern() => Ruling::MatchesNothing,
            () if (refused || self.facts.is_empty()) && may_fail => Ruling::Ignored,
            () if refused || self.facts.is_empty() => Ruling::CannotApply,
            () if !self.experiments.is_empty() => match overall(&self.experiments) {
                // It was not asked where it would have shown.
                Answer::NoEffect if !self.too_short.is_empty() => Ruling::NotShown,
                answer => Ruling::Did(answer),
            },
            () if self.facts.iter().all(KeyFacts::is_idle) => Ruling::WithoutEffect,
            () if self.facts.iter().all(|key| key.whose == Whose::Kernel) => Ruling::HostWide,
            () if self.is_already_so() => Ruling::AlreadySo,
            () if !self.not_run.is_empty() => Ruling::NotRun,
            () if !self.too_short.is_empty() => Ruling::NotShown,
            () => Ruling::NoScenario,
        }
    }

    /// Whether each key has the line's value where nobody sets it.
    pub fn is_already_so(&self) -> bool {
        let Meaning::Sets { value, .. } = &self.entry.meaning else {
            return false;
        };
        let same = |key: &KeyFacts| {
            key.by_itself()
                .is_some_and(|without| without.split_whitespace().eq(value.split_whitespace()))
        };
        !self.facts.is_empty() && self.facts.iter().all(same)
    }
}

/// One answer for several scenarios: it hurts where any says so, helps where any says so and none that it hurts. What was seen in
/// one counts before what could not be told in another.
fn overall(experiments: &[Experiment]) -> Answer {
    let answers = || experiments.iter().map(|each| each.comparison.answer);
    let any = |wanted: Answer| answers().any(|answer| answer == wanted);
    let helps = any(Answer::Helps);
    if any(Answer::HelpsAndHurts) || (helps && any(Answer::Hurts)) {
        return Answer::HelpsAndHurts;
    }
    let order = [
        Answer::Hurts,
        Answer::Helps,
        Answer::Errored,
        Answer::Changes,
        Answer::TooNoisy,
        Answer::NoEffect,
    ];
    let found = order.into_iter().find(|answer| any(*answer));
    found.unwrap_or(Answer::NotApplicable)
}

impl Advice {
    /// Whether a line hurts or cannot apply, or lines together hurt.
    pub fn is_bad(&self) -> bool {
        self.lines.iter().any(|line| line.ruling().is_bad())
            || self
                .together
                .iter()
                .any(|each| hurts(each.comparison.answer))
    }

    /// Whether something could not be told.
    pub fn is_unclear(&self) -> bool {
        let lines = self.lines.iter().flat_map(|line| &line.experiments);
        let unclear = |answer| matches!(answer, Answer::TooNoisy | Answer::Errored);
        self.cut_short.is_some()
            || lines
                .chain(&self.together)
                .any(|each| unclear(each.comparison.answer))
    }
}
