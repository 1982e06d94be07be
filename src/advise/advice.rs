//! The advice on each line, and on several lines together.

use std::path::PathBuf;
use std::time::Duration;

use super::facts::{KeyFacts, KeyScope};
use super::merge::{LineMeaning, MergedLine};
use super::plan::PlannedComparison;
use crate::compare::{Comparison, Conclusion, Trial};
use crate::sysctls::About;

/// The advice on one or more files.
#[derive(Debug, Clone)]
pub struct Advice {
    /// The files, or `this host`.
    pub sources: Vec<String>,
    /// The name of the state that every line is compared with.
    pub reference: String,
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
    /// True if the line may be bad: `--allow` names its key.
    pub allowed: bool,
    /// True if the line is only listed, because it belongs to another subsystem than `--only` names.
    pub out_of_scope: bool,
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
    /// Settings of the user that held on both sides, as in `net.ipv4.tcp_syncookies=1`.
    pub conditions: Vec<String>,
    /// True if the scenario's `exercises` names the keys of the lines. If not, the scenario says nothing about them
    /// unless there is a difference.
    pub declared: bool,
    /// True if the lab emulated a kernel feature.
    pub emulated: bool,
    /// The result.
    pub comparison: Comparison,
    /// Files of its records.
    pub records: Vec<PathBuf>,
}

impl Experiment {
    /// Summarizes a trial of two sides. Returns `None` if the trial has no comparison.
    pub(super) fn of(trial: &Trial, planned: &PlannedComparison) -> Option<Self> {
        let side = &trial.sides.first()?.side;
        let runs = || trial.sides.iter().flat_map(|tried| &tried.runs);
        Some(Self {
            scenario: side.file.label.clone(),
            variant: side.spec.id.variant.clone(),
            lines: planned.lines.clone(),
            fixed: planned.fixed.clone(),
            conditions: planned.conditions.iter().map(ToString::to_string).collect(),
            declared: planned.declared,
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
    /// The reference has the value.
    AlreadySo,
    /// Not measured; the subject of the key says what it is for.
    Subject(About),
    /// Can be set, but no scenario that was run shows its effect.
    NotMeasured,
    /// The host may take it, but it cannot be tried without the host.
    NotTried,
    /// Belongs to another subsystem than those that were asked about.
    OutOfScope,
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
            Self::Subject(About::Security) => "security",
            Self::Subject(About::Role) => "role of the host",
            Self::Subject(About::Log) => "logging",
            Self::Subject(About::Ipv6) => "IPv6 setup",
            Self::Subject(About::Obsolete) => "obsolete",
            Self::Subject(About::Speed | About::Limits | About::Memory) | Self::NotMeasured => {
                "not measured"
            }
            Self::NotTried => "not tried",
            Self::OutOfScope => "not ruled",
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
            | Self::Subject(_)
            | Self::NotMeasured
            | Self::NotTried
            | Self::OutOfScope
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
        if self.out_of_scope {
            return Ruling::OutOfScope;
        }
        let (may_fail, name) = match &self.entry.meaning {
            LineMeaning::Wrong(_) => return Ruling::CannotApply,
            LineMeaning::Excludes => return Ruling::Excludes,
            LineMeaning::Overridden(_) => return Ruling::Overridden,
            LineMeaning::Sets { may_fail, name, .. } => (*may_fail, name),
        };
        let refused = self.facts.iter().any(|key| key.refusal().is_some());
        let all = |holds: fn(&KeyFacts) -> bool| self.facts.iter().all(holds);
        match () {
            () if self.facts.is_empty() && name.is_pattern() => Ruling::MatchesNothing,
            () if (refused || self.facts.is_empty()) && may_fail => Ruling::Ignored,
            () if refused || self.facts.is_empty() => Ruling::CannotApply,
            () if all(|key| key.reset_by.is_some()) => Ruling::Overridden,
            () if let Some(answer) = self.measured() => match answer {
                // The scenarios that were run end too early to show an effect.
                Conclusion::NoEffect if !self.too_short.is_empty() => Ruling::NotShown,
                answer => Ruling::Did(answer),
            },
            () if all(|key| key.ignored) => Ruling::Subject(About::Obsolete),
            () if self.is_already_so() => Ruling::AlreadySo,
            () if all(|key| key.scope == KeyScope::Kernel) => Ruling::HostWide,
            () if all(|key| key.not_tried().is_some()) => Ruling::NotTried,
            () if !self.not_run.is_empty() => Ruling::NotRun,
            () if !self.too_short.is_empty() => Ruling::NotShown,
            () => self.subject().map_or(Ruling::NotMeasured, Ruling::Subject),
        }
    }

    /// Returns the subject that all keys of the line have.
    fn subject(&self) -> Option<About> {
        let mut subjects = self.facts.iter().map(|key| key.statement()?.about);
        let first = subjects.next()??;
        subjects.all(|other| other == Some(first)).then_some(first)
    }

    /// Returns the combined answer of the experiments that say something about the line.
    fn measured(&self) -> Option<Conclusion> {
        let speaks =
            |each: &&Experiment| each.declared || each.comparison.answer != Conclusion::NoEffect;
        let speaking: Vec<&Experiment> = self.experiments.iter().filter(speaks).collect();
        (!speaking.is_empty()).then(|| overall(&speaking))
    }

    /// Returns true if a run decided the ruling.
    pub fn is_measured(&self) -> bool {
        match self.ruling() {
            Ruling::Did(answer) => match answer {
                Conclusion::Helps
                | Conclusion::NoEffect
                | Conclusion::Changes
                | Conclusion::HelpsAndHurts
                | Conclusion::Hurts => true,
                Conclusion::NotApplicable | Conclusion::TooNoisy | Conclusion::Errored => false,
            },
            _ => false,
        }
    }

    /// Returns true if the line should not be in a tuning file, and is not allowed all the same.
    pub fn is_bad(&self) -> bool {
        !self.allowed && self.ruling().is_bad()
    }

    /// Returns true if every key has this value without the line.
    pub fn is_already_so(&self) -> bool {
        !self.facts.is_empty() && self.facts.iter().all(KeyFacts::is_already_so)
    }
}

/// Combines the answers of several scenarios. One that hurts decides, then one that helps; an effect seen
/// in one scenario counts more than an unclear result in another.
fn overall(experiments: &[&Experiment]) -> Conclusion {
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
    /// Returns true if a line hurts or cannot apply, or several lines together hurt. Lines together count unless all of
    /// them are allowed.
    pub fn is_bad(&self) -> bool {
        let allowed = |each: &Experiment| {
            let mut lines = each.lines.iter().filter_map(|line| self.lines.get(*line));
            lines.all(|line| line.allowed)
        };
        self.lines.iter().any(LineAdvice::is_bad)
            || self
                .together
                .iter()
                .any(|each| hurts(each.comparison.answer) && !allowed(each))
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
