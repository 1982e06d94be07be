//! The advice on each line, and on several lines together.

use std::path::PathBuf;
use std::time::Duration;

use super::curve::EffectCurve;
use super::facts::KeyFacts;
use super::merge::{LineMeaning, MergedLine};
use super::prepare::PreparedComparison;
use super::ruling::{Ruling, hurts};
use crate::compare::{Comparison, Conclusion, SideRuns, without_work};
use crate::sysctls::About;

/// Conditions of a line that are named; the others are counted.
const CONDITIONS: usize = 3;

/// The advice on one or more files.
#[derive(Debug, Clone)]
pub struct Advice {
    /// The files, or `this host`.
    pub sources: Vec<String>,
    /// The name of the state that every line is compared with.
    pub reference: String,
    /// The kernel on which the effects were measured, if it is not this one.
    pub kernel: Option<String>,
    /// Every line that is neither empty nor a comment.
    pub lines: Vec<LineAdvice>,
    /// Experiments with several lines at once.
    pub together: Vec<Experiment>,
    /// Positions of the lines to blame if the lines together hurt; empty if no single line is, `None` if the search was
    /// not completed.
    pub blame: Option<Vec<usize>>,
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
    /// True if some of its comparisons were not completed: the others cannot say that it has no effect.
    pub cut_short: bool,
    /// Scenarios that end before this value has an effect, or cannot reach it.
    pub too_short: Vec<OutOfReach>,
    /// The comparisons that show its effect.
    pub experiments: Vec<Experiment>,
    /// True if the line may be bad: `--allow` names its key.
    pub allowed: bool,
    /// True if the line is only listed, because it belongs to another subsystem than `--only` names.
    pub out_of_scope: bool,
}

/// A scenario that cannot show the effect of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfReach {
    /// Label of the scenario.
    pub scenario: String,
    /// The largest value, or limit, whose effect it shows.
    pub at_most: u64,
    /// The load that would be needed, if the scenario is sized by the value.
    pub needs: Option<String>,
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
    /// Keys for which the scenario needs other values; the values of the lines were not used.
    pub fixed: Vec<String>,
    /// Modes that the scenario sets or labs do not have, with the values that held on both sides, as in
    /// `net.ipv4.tcp_syncookies=1`.
    pub conditions: Vec<String>,
    /// Positions of other lines of the file that held on both sides.
    pub beside: Vec<usize>,
    /// The condition in which the result holds, in words: as the scenario states it, or else its load and path.
    pub condition: String,
    /// The load and the path of the runs, if a client makes connections and the condition is another text.
    pub load: Option<String>,
    /// The programs or hosts that gain and lose from the line, if every value of its key is a compromise.
    pub trade: Option<(String, String)>,
    /// True if the scenario's `exercises` names the keys of the lines. If not, the scenario says nothing about them
    /// unless there is a difference.
    pub declared: bool,
    /// True if the lab emulated a kernel feature.
    pub emulated: bool,
    /// True if it was measured before, with the same builds of the kernel and of nslab.
    pub cached: bool,
    /// The result.
    pub comparison: Comparison,
    /// The effect at other values of the parameter on which it depends, if they were run.
    pub curve: Option<EffectCurve>,
    /// Files of its records.
    pub records: Vec<PathBuf>,
}

impl Experiment {
    /// Summarizes a comparison of two sides.
    pub(super) fn of(
        comparison: Comparison,
        sides: &[&SideRuns],
        prepared: &PreparedComparison,
    ) -> Self {
        let planned = &prepared.planned;
        let runs = || sides.iter().flat_map(|tried| &tried.runs);
        Self {
            scenario: prepared.label().to_owned(),
            variant: planned.question.variant.clone(),
            lines: planned.lines.clone(),
            fixed: planned.fixed.clone(),
            conditions: planned.conditions.iter().map(ToString::to_string).collect(),
            beside: planned.beside.clone(),
            condition: prepared.condition.clone(),
            load: prepared.load.clone(),
            trade: planned.trade.clone(),
            declared: planned.declared,
            comparison: without_work(comparison, sides),
            curve: None,
            cached: false,
            emulated: runs().any(|run| run.timeline.emulated()),
            records: runs()
                .filter_map(|run| run.record.as_ref().ok()?.clone())
                .collect(),
        }
    }

    /// Returns the condition in which the result holds, with the load if the condition names no figure, and with the
    /// modes that held on both sides.
    pub fn condition(&self) -> String {
        let mut text = self.condition.clone();
        let has_figure = text.contains(|each: char| each.is_ascii_digit());
        if let Some(load) = self.load.as_ref().filter(|_| !has_figure) {
            text.push_str(&format!(" (measured {load})"));
        }
        if !self.conditions.is_empty() {
            text.push_str(&format!(", with {}", self.conditions.join(", ")));
        }
        text
    }

    /// Returns true if this experiment with one line is worse, in the same scenario as another with several.
    pub(super) fn is_worse_as(&self, several: &Self) -> bool {
        self.comparison.answer == Conclusion::Hurts
            && self.scenario == several.scenario
            && self.variant == several.variant
    }

    /// Returns the answer, which is a trade if there is a difference and every value is a compromise.
    pub fn answer(&self) -> Conclusion {
        match &self.trade {
            Some(_) if self.differs() => Conclusion::Trade,
            _ => self.comparison.answer,
        }
    }

    /// Returns true if the two sides differ.
    pub fn differs(&self) -> bool {
        match self.comparison.answer {
            Conclusion::Helps | Conclusion::Hurts | Conclusion::Trade | Conclusion::Changes => true,
            Conclusion::NoEffect
            | Conclusion::NotApplicable
            | Conclusion::TooNoisy
            | Conclusion::Errored => false,
        }
    }
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
            LineMeaning::Overridden { may_fail, .. } if self.entry.malformed().is_some() => {
                return match may_fail {
                    true => Ruling::Ignored,
                    false => Ruling::CannotApply,
                };
            }
            LineMeaning::Overridden { .. } => return Ruling::Overridden,
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
                // A comparison that did not end may have shown one.
                Conclusion::NoEffect if self.cut_short => Ruling::NotRun,
                // The scenarios that were run end too early to show an effect.
                Conclusion::NoEffect if !self.too_short.is_empty() => self.out_of_reach(),
                Conclusion::Trade => Ruling::Trade,
                _ if self.trade().is_some() => Ruling::Trade,
                answer => Ruling::Did(answer),
            },
            () if all(|key| key.ignored) => Ruling::Subject(About::Obsolete),
            () if self.is_already_so() => Ruling::AlreadySo,
            () if all(KeyFacts::is_beyond_trial) => Ruling::HostWide,
            () if all(|key| key.not_tried().is_some()) => Ruling::NotTried,
            () if !self.not_run.is_empty() => Ruling::NotRun,
            () if !self.too_short.is_empty() => self.out_of_reach(),
            () => self.subject().map_or(Ruling::NotMeasured, Ruling::Subject),
        }
    }

    /// Returns the subject that all keys of the line have.
    fn subject(&self) -> Option<About> {
        let mut subjects = self.facts.iter().map(|key| key.statement()?.about);
        let first = subjects.next()??;
        subjects.all(|other| other == Some(first)).then_some(first)
    }

    /// Returns the ruling if no scenario reaches the value.
    fn out_of_reach(&self) -> Ruling {
        if self.too_short.iter().any(|each| each.needs.is_some()) {
            Ruling::NotReached
        } else {
            Ruling::NotShown
        }
    }

    /// Returns the experiments that say something about the line.
    fn speaking(&self) -> Vec<&Experiment> {
        let speaks = |each: &&Experiment| each.declared || each.differs();
        self.experiments.iter().filter(speaks).collect()
    }

    /// Returns the combined answer of the experiments that say something about the line.
    fn measured(&self) -> Option<Conclusion> {
        let speaking = self.speaking();
        let answers: Vec<Conclusion> = speaking.iter().map(|each| each.answer()).collect();
        (!answers.is_empty()).then(|| overall(&answers))
    }

    /// Returns the experiments behind the ruling: those that differ, or all if none does.
    pub fn deciding(&self) -> Vec<&Experiment> {
        let speaking = self.speaking();
        let differing: Vec<&Experiment> = speaking
            .iter()
            .filter(|each| each.differs())
            .copied()
            .collect();
        if differing.is_empty() {
            speaking
        } else {
            differing
        }
    }

    /// Returns for whom the line is better and for whom it is worse, if a difference was measured and its key is a
    /// compromise.
    pub fn trade(&self) -> Option<(&str, &str)> {
        let deciding = self.deciding();
        let mut differing = deciding.iter().filter(|each| each.differs());
        let (gains, loses) = differing.find_map(|each| each.trade.as_ref())?;
        Some((gains, loses))
    }

    /// Returns the condition in which a measured ruling holds; `None` if no run decided it.
    pub fn condition(&self) -> Option<String> {
        if !self.is_measured() {
            return None;
        }
        let mut conditions: Vec<String> = Vec::new();
        for each in self.deciding() {
            let range = each.curve.as_ref().map(EffectCurve::range);
            let range = range.map(|range| format!("; {range}"));
            let condition = each.condition() + &range.unwrap_or_default();
            if !conditions.contains(&condition) {
                conditions.push(condition);
            }
        }
        let more = conditions.len().saturating_sub(CONDITIONS);
        conditions.truncate(CONDITIONS);
        let shown = conditions.join("; ");
        Some(match more {
            0 => shown,
            more => format!("{shown}; and {more} more"),
        })
    }

    /// Returns true if a run decided the ruling.
    pub fn is_measured(&self) -> bool {
        match self.ruling() {
            Ruling::Trade => true,
            Ruling::Did(answer) => match answer {
                Conclusion::Helps
                | Conclusion::NoEffect
                | Conclusion::Changes
                | Conclusion::Trade
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
fn overall(answers: &[Conclusion]) -> Conclusion {
    let any = |wanted: Conclusion| answers.contains(&wanted);
    let helps = any(Conclusion::Helps);
    if any(Conclusion::Trade) || (helps && any(Conclusion::Hurts)) {
        return Conclusion::Trade;
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
    /// Returns the combined answer of all lines together; `None` if they were not run together, or if comparisons were
    /// cut short that may have shown an effect.
    pub fn whole(&self) -> Option<Conclusion> {
        let answers: Vec<Conclusion> = (self.together.iter())
            .map(|each| self.answer_together(each))
            .collect();
        let answer = (!answers.is_empty()).then(|| overall(&answers))?;
        (answer != Conclusion::NoEffect || self.cut_short.is_none()).then_some(answer)
    }

    /// Returns the answer of an experiment with several lines. If each line that is worse there is a trade, so is the
    /// whole.
    pub fn answer_together(&self, each: &Experiment) -> Conclusion {
        let worse = self.to_blame(each);
        let is_trade = |line: &&LineAdvice| line.ruling() == Ruling::Trade;
        match each.answer() {
            Conclusion::Hurts if !worse.is_empty() && worse.iter().all(is_trade) => {
                Conclusion::Trade
            }
            answer => answer,
        }
    }

    /// Returns the lines that are worse in the scenario of an experiment with several lines: those that are worse there
    /// alone, or else those without which the file is better.
    fn to_blame(&self, each: &Experiment) -> Vec<&LineAdvice> {
        let of = |line: &usize| self.lines.get(*line);
        let alone: Vec<&LineAdvice> = (each.lines.iter().filter_map(of))
            .filter(|line| line.experiments.iter().any(|alone| alone.is_worse_as(each)))
            .collect();
        if alone.is_empty() {
            let found = self.blame.iter().flatten();
            return found.filter_map(of).collect();
        }
        alone
    }

    /// Returns true if a line hurts or cannot apply, or several lines together hurt. Lines together count unless those
    /// to blame are allowed; if none is found, unless all of them are.
    pub fn is_bad(&self) -> bool {
        let allowed = |each: &Experiment| {
            let mut lines = self.to_blame(each);
            if lines.is_empty() {
                lines = each
                    .lines
                    .iter()
                    .filter_map(|line| self.lines.get(*line))
                    .collect();
            }
            lines.iter().all(|line| line.allowed)
        };
        self.lines.iter().any(LineAdvice::is_bad)
            || self
                .together
                .iter()
                .any(|each| hurts(self.answer_together(each)) && !allowed(each))
    }

    /// Returns true if a result is noisy, errored or missing.
    pub fn is_unclear(&self) -> bool {
        let lines = self.lines.iter().flat_map(LineAdvice::speaking);
        let unclear = |answer| matches!(answer, Conclusion::TooNoisy | Conclusion::Errored);
        self.cut_short.is_some()
            || lines
                .chain(&self.together)
                .any(|each| unclear(each.comparison.answer))
    }
}
