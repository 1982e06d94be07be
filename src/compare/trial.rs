//! Runs the sides of a comparison round by round, so that drift on the machine affects all of them alike.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::comparison::{Comparison, Conclusion, FEWEST_RUNS};
use super::side::Side;
use super::usable::deserves_another_attempt;
use crate::record::RunEnd;
use crate::scenario::RunSpec;
use crate::suite::{self, Options, RunResult, ScenarioFile, SuiteEvent};

/// Further attempts at runs that the machine could not keep up with. The suite has made each of them again already,
/// alone; these come later, when others may have left the machine.
const ATTEMPTS: usize = 2;

/// The number of runs and the precision of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrialOptions {
    /// Runs of each side; [`run`](fn@run) stops after [`FEWEST_RUNS`] if their result is certain.
    pub rounds: usize,
    /// Time to spend instead of a number of rounds; at least [`FEWEST_RUNS`] rounds are run.
    pub budget: Option<Duration>,
    /// Share from which a difference matters.
    pub threshold: f64,
    /// True if [`run_together`] makes as many runs again of comparisons that are too noisy to tell.
    pub extends: bool,
}

/// One side with its runs.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SideRuns {
    pub side: Side,
    pub runs: Vec<RunResult>,
}

/// A finished comparison: the runs of all sides, and what they show.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Trial {
    /// All sides; the others are compared with the first.
    pub sides: Vec<SideRuns>,
    /// Comparisons of the other sides with the first, in their order.
    pub comparisons: Vec<Comparison>,
    /// Share from which a difference matters.
    pub threshold: f64,
    pub took: Duration,
    pub interrupted: bool,
}

/// Runs every side for all rounds and compares them. If times matter, each run has the machine to itself, or nearly so;
/// other runs go in parallel, up to the `slots` of the options.
pub async fn run(
    sides: Vec<Side>,
    effort: TrialOptions,
    options: &Options,
    stop: watch::Receiver<bool>,
    mut emit: impl FnMut(SuiteEvent<'_>),
) -> Trial {
    let began = Instant::now();
    let mut all = [without_runs(sides)];
    let mut interrupted = false;
    let mut round = 0;
    while !interrupted && wants_more(round, effort, began.elapsed()) {
        // With a budget, each round finishes before the next, because its duration decides whether another fits.
        let rounds = match effort.budget {
            Some(_) => round..round + 1,
            None if round == 0 => 0..effort.rounds.min(FEWEST_RUNS),
            None => round..effort.rounds,
        };
        round = rounds.end;
        let emit_any = |_, event: SuiteEvent<'_>| emit(event);
        interrupted = run_rounds(&mut all, rounds, options, stop.clone(), emit_any).await;
        let may_stop = effort.looks() > 1 && round < effort.rounds;
        if may_stop && compared(&all[0], effort).iter().all(Comparison::is_certain) {
            break;
        }
    }
    let [tried] = all;
    Trial::of(tried, effort, began.elapsed(), interrupted)
}

/// Makes several comparisons in parallel, so that the machine is busy while one waits. Each event comes with the index
/// of its comparison.
pub async fn run_together(
    all: Vec<Vec<Side>>,
    effort: TrialOptions,
    options: &Options,
    stop: watch::Receiver<bool>,
    mut emit: impl FnMut(Option<usize>, SuiteEvent<'_>),
) -> Vec<Trial> {
    let began = Instant::now();
    let mut all: Vec<Vec<SideRuns>> = all.into_iter().map(without_runs).collect();
    let rounds = 0..effort.rounds;
    let interrupted = run_rounds(&mut all, rounds, options, stop.clone(), &mut emit).await;
    if !interrupted {
        run_again(&mut all, options, &stop, &mut emit).await;
        if effort.extends {
            extend_noisy(&mut all, effort, options, &stop, &mut emit).await;
        }
    }
    let took = began.elapsed();
    all.into_iter()
        .map(|tried| Trial::of(tried, effort, took, interrupted))
        .collect()
}

/// Runs more rounds of each comparison. Returns whether it was interrupted.
async fn run_rounds(
    all: &mut [Vec<SideRuns>],
    rounds: Range<usize>,
    options: &Options,
    stop: watch::Receiver<bool>,
    emit: impl FnMut(Option<usize>, SuiteEvent<'_>),
) -> bool {
    let mut places = Vec::new();
    for (of, tried) in all.iter().enumerate() {
        for round in rounds.clone() {
            let sides = turn(round, tried.len());
            places.extend(sides.map(|side| RunPlace { of, side, round }));
        }
    }
    run_places(all, &places, options, stop, emit).await
}

/// Makes the runs again that cannot be judged because the machine did not keep up, as often as [`ATTEMPTS`] says, while
/// there is time: without one of them, a whole comparison would be lost. An
/// interruption leaves the runs from before.
async fn run_again(
    all: &mut [Vec<SideRuns>],
    options: &Options,
    stop: &watch::Receiver<bool>,
    mut emit: impl FnMut(Option<usize>, SuiteEvent<'_>),
) {
    for _ in 0..ATTEMPTS {
        let mut places = Vec::new();
        for (of, tried) in all.iter().enumerate() {
            for (side, runs) in tried.iter().enumerate() {
                let runs = runs.runs.iter().enumerate();
                let unusable = runs.filter(|(_, run)| deserves_another_attempt(run));
                places.extend(unusable.map(|(round, _)| RunPlace { of, side, round }));
            }
        }
        if places.is_empty() || run_places(all, &places, options, stop.clone(), &mut emit).await {
            return;
        }
    }
}

/// Extends the comparisons that are too noisy to tell by as many rounds, while there is time: one odd run of three
/// hides any difference, one of six rarely does. Incomplete extensions are dropped.
async fn extend_noisy(
    all: &mut [Vec<SideRuns>],
    effort: TrialOptions,
    options: &Options,
    stop: &watch::Receiver<bool>,
    mut emit: impl FnMut(Option<usize>, SuiteEvent<'_>),
) {
    let mut places = Vec::new();
    for (of, tried) in all.iter().enumerate() {
        let sides = noisy(tried, effort);
        for round in effort.rounds..2 * effort.rounds {
            let turn = turn(round, tried.len()).filter(|side| sides.contains(side));
            places.extend(turn.map(|side| RunPlace { of, side, round }));
        }
    }
    if places.is_empty() {
        return;
    }
    let interrupted = run_places(all, &places, options, stop.clone(), &mut emit).await;
    for of in places.iter().map(|place| place.of).collect::<BTreeSet<_>>() {
        let extended = |side: &SideRuns| side.runs.len() > effort.rounds;
        let whole = |side: &SideRuns| side.is_complete(2 * effort.rounds, interrupted);
        if !all[of].iter().filter(|side| extended(side)).all(whole) {
            for side in &mut all[of] {
                side.runs.truncate(effort.rounds);
            }
        }
    }
}

/// Returns the sides of which a comparison is too noisy to tell, and the first, with which they are compared; none if a
/// reason is known, such as runs that cannot be judged.
fn noisy(tried: &[SideRuns], effort: TrialOptions) -> Vec<usize> {
    let comparisons = compared(tried, effort);
    let is_noisy = |comparison: &Comparison| {
        comparison.answer == Conclusion::TooNoisy && comparison.reason.is_none()
    };
    let others = (1..).zip(&comparisons);
    let noisy = others.filter(|(_, comparison)| is_noisy(comparison));
    let mut sides: Vec<usize> = noisy.map(|(side, _)| side).collect();
    if !sides.is_empty() {
        sides.push(0);
    }
    sides
}

/// A run of one side of a comparison.
#[derive(Debug, Clone, Copy)]
struct RunPlace {
    /// The comparison.
    of: usize,
    side: usize,
    round: usize,
}

/// Makes these runs; each replaces the run that has its place. Returns whether it was interrupted.
async fn run_places(
    all: &mut [Vec<SideRuns>],
    places: &[RunPlace],
    options: &Options,
    stop: watch::Receiver<bool>,
    mut emit: impl FnMut(Option<usize>, SuiteEvent<'_>),
) -> bool {
    let file = |place: &RunPlace| {
        let tried = &all[place.of];
        let sides: Vec<&Side> = tried.iter().map(|each| &each.side).collect();
        one_run(sides[place.side], place.round, &sides)
    };
    let files = places.iter().map(file).collect();
    let folder = |place: &RunPlace| options.folders.get(place.of).cloned();
    let options = Options {
        folders: places.iter().filter_map(folder).collect(),
        ..options.clone()
    };
    let emit_one = |event: SuiteEvent<'_>| emit(key(&event).map(|key| places[key].of), event);
    let result = suite::run_suite(files, &options, stop, emit_one).await;
    for (place, scenario) in places.iter().zip(result.scenarios) {
        let runs = &mut all[place.of][place.side].runs;
        for run in &scenario.runs {
            match runs.get_mut(place.round) {
                Some(_) if was_cut_short(run) => {}
                Some(before) => *before = run.clone(),
                None => runs.push(run.clone()),
            }
        }
    }
    result.interrupted
}

/// Returns true if a run was ended from outside.
fn was_cut_short(run: &RunResult) -> bool {
    match &run.timeline.end {
        Some(RunEnd::Finished { interrupted, .. }) => *interrupted,
        Some(RunEnd::NotApplicable(_) | RunEnd::Errored(_)) => false,
        None => true,
    }
}

fn without_runs(sides: Vec<Side>) -> Vec<SideRuns> {
    let each = sides.into_iter().map(|side| SideRuns {
        side,
        runs: Vec::new(),
    });
    each.collect()
}

/// Returns the index of the run that an event is about.
fn key(event: &SuiteEvent<'_>) -> Option<usize> {
    match event {
        SuiteEvent::RunStarted { key, .. }
        | SuiteEvent::RunProgressed { key, .. }
        | SuiteEvent::RunRetried { key, .. }
        | SuiteEvent::RunEnded { key, .. } => Some(*key),
        SuiteEvent::Started { .. }
        | SuiteEvent::MachineShared { .. }
        | SuiteEvent::ScenarioEnded(_)
        | SuiteEvent::Ended(_) => None,
    }
}

fn compared(sides: &[SideRuns], effort: TrialOptions) -> Vec<Comparison> {
    let Some((first, others)) = sides.split_first() else {
        return Vec::new();
    };
    let with_first = |other: &SideRuns| {
        // Only the noisy ones have more runs than at first.
        let first = &first.runs[..first.runs.len().min(other.runs.len())];
        Comparison::with_looks(first, &other.runs, effort.threshold, effort.looks())
    };
    others.iter().map(with_first).collect()
}

impl TrialOptions {
    /// Returns how many times the results are examined.
    fn looks(self) -> usize {
        let early = self.budget.is_none() && self.rounds > FEWEST_RUNS;
        1 + usize::from(early || self.extends)
    }
}

impl Trial {
    fn of(sides: Vec<SideRuns>, effort: TrialOptions, took: Duration, interrupted: bool) -> Self {
        Self {
            comparisons: compared(&sides, effort),
            sides,
            threshold: effort.threshold,
            took,
            interrupted,
        }
    }

    /// Returns whether every side has all its runs and none was cut short.
    pub fn is_complete(&self, rounds: usize) -> bool {
        let mut sides = self.sides.iter();
        sides.all(|side| side.is_complete(rounds, self.interrupted))
    }
}

impl SideRuns {
    /// Returns whether the side has at least `rounds` runs and none was cut short. `interrupted` says that runs may
    /// have been.
    pub fn is_complete(&self, rounds: usize, interrupted: bool) -> bool {
        let whole = |run: &RunResult| match &run.timeline.end {
            Some(RunEnd::Finished { interrupted, .. }) => !interrupted,
            Some(RunEnd::NotApplicable(_)) => true,
            // Its worker failed or died, by itself or because of the interruption.
            Some(RunEnd::Errored(_)) | None => !interrupted,
        };
        self.runs.len() >= rounds && self.runs.iter().all(whole)
    }
}

/// Returns whether another round fits.
fn wants_more(done: usize, effort: TrialOptions, elapsed: Duration) -> bool {
    match effort.budget {
        None => done < effort.rounds,
        Some(_) if done < FEWEST_RUNS => true,
        Some(budget) => {
            let done = u32::try_from(done).unwrap_or(u32::MAX);
            elapsed + elapsed / done <= budget
        }
    }
}

/// Returns the order of the sides in a round. Every other round is reversed, so that no side always comes first.
fn turn(round: usize, sides: usize) -> Box<dyn Iterator<Item = usize>> {
    if round.is_multiple_of(2) {
        Box::new(0..sides)
    } else {
        Box::new((0..sides).rev())
    }
}

/// Makes a scenario with one run, identified by its set and round.
///
/// Each round has a seed of its own, the same for all sides. With one seed, every round would repeat the same losses,
/// and in virtual time every figure: a difference by chance would look certain.
fn one_run(side: &Side, round: usize, sides: &[&Side]) -> Arc<ScenarioFile> {
    let mut spec = undisturbed(side, sides);
    spec.seed = spec.seed.wrapping_add(round as u64);
    spec.id
        .case
        .push(("set".to_owned(), side.letter.to_string()));
    spec.id
        .case
        .push(("round".to_owned(), (round + 1).to_string()));
    let mut file = ScenarioFile::clone(&side.file);
    file.scenario.runs = vec![spec];
    file.scenario.compare.clear();
    Arc::new(file)
}

/// Returns the run of a side. If times matter on one of the sides, it runs alone, or over a long or slow path while
/// processors are left free.
pub(crate) fn undisturbed(side: &Side, sides: &[&Side]) -> RunSpec {
    let mut spec = side.spec.clone();
    if sides.iter().any(|side| times_matter(side)) {
        match sides
            .iter()
            .all(|side| suite::is_paced_by_links(&side.spec))
        {
            true => spec.quiet = true,
            false => spec.exclusive = true,
        }
    }
    spec
}

/// Returns whether the scenario measures latency, throughput or processor time.
fn times_matter(side: &Side) -> bool {
    let ends = [".latency", ".throughput", ".cpu"];
    let timed = |name: &str| ends.iter().any(|end| name.ends_with(end));
    side.spec
        .watched
        .iter()
        .any(|series| timed(series.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::Question;
    use super::*;
    use crate::suite::ScenarioSource;

    #[test]
    fn no_side_always_comes_first() {
        let order: Vec<usize> = (0..3).flat_map(|round| turn(round, 2)).collect();
        assert_eq!(order, [0, 1, 1, 0, 0, 1]);
    }

    #[test]
    fn each_round_has_a_seed_that_all_sides_share() {
        let source = ScenarioSource {
            label: "pair.yaml".to_owned(),
            text: "nodes: { a: {}, b: {} }\nlinks: [ { between: [a, b] } ]\nseed: 5\n".to_owned(),
        };
        let set = |value: &str| vec![format!("net.ipv4.tcp_sack={value}").parse().unwrap()];
        let question = Question {
            sides: vec![set("0"), set("1")],
            ..Question::default()
        };
        let sides = question.sides(&source).unwrap();
        let seed = |side: &Side, round| one_run(side, round, &[side]).scenario.runs[0].seed;
        let seeds = |round| [seed(&sides[0], round), seed(&sides[1], round)];
        assert_eq!([seeds(0), seeds(1)], [[5, 5], [6, 6]]);
    }

    #[test]
    fn a_budget_has_as_many_rounds_as_fit_and_at_least_the_minimum() {
        let effort = TrialOptions {
            rounds: 5,
            budget: Some(Duration::from_secs(50)),
            threshold: 0.02,
            extends: false,
        };
        let seconds = Duration::from_secs;
        assert!(wants_more(2, effort, seconds(1000)));
        assert!(wants_more(4, effort, seconds(40)));
        assert!(!wants_more(4, effort, seconds(41)));
        let counted = TrialOptions {
            budget: None,
            ..effort
        };
        assert!(wants_more(0, counted, seconds(0)) && !wants_more(5, counted, seconds(0)));
    }
}
