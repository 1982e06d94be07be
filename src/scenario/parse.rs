//! The way from a scenario file to a scenario: text, tree, runs, documents.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::{IndexMap, IndexSet};

use super::bounds::{MAX_NAME, MAX_ROUTES_OF_ALL_RUNS};
use super::cases::{Cases, UndecodedRun};
use super::decode::{FromNode, OneOrMany};
use super::document::{Document, ExpectationDoc, Text};
use super::expectation::{NameScope, Subjects};
use super::expr::Expectation;
use super::forms::Outline;
use super::learn::{self, LessonScope};
use super::lesson::Lesson;
use super::model::{RunId, RunSpec, Scenario, Truth};
use super::node::{Node, NodeKind};
use super::params;
use super::problem::{Collector, Problem, Problems, quoted};
use super::resolve::{self, Names};
use super::span::{Span, Spanned};
use super::yaml;
use crate::names::SeriesName;

/// Reads a scenario. `label` is the file's name as the user wrote it; it is shown in messages, and its stem
/// is the name of the scenario if the file does not set one. `set` holds parameters from the command line.
///
/// # Errors
/// Returns every problem of the text, with its place.
pub fn parse(
    label: &str,
    text: &str,
    set: &BTreeMap<String, String>,
) -> Result<Scenario, Problems> {
    parse_in(label, set, Collector::new(text))
}

/// Parses a scenario on whose nodes other code may listen, as in a testbed: `NODE:PORT` may be any port.
///
/// # Errors
/// Returns every problem of the text, with its place.
pub(crate) fn parse_beside_code(label: &str, text: &str) -> Result<Scenario, Problems> {
    let mut cx = Collector::new(text);
    cx.code_listens = true;
    parse_in(label, &BTreeMap::new(), cx)
}

fn parse_in(
    label: &str,
    set: &BTreeMap<String, String>,
    mut cx: Collector<'_>,
) -> Result<Scenario, Problems> {
    let text = cx.source.text.to_owned();
    cx.is_resized = !set.is_empty();
    let scenario = read(label, set, &mut cx);
    if scenario.is_none() && cx.count() == 0 {
        cx.error(Span::default(), "the file does not define a scenario");
    }
    match (cx.finish(label), scenario) {
        (Some(problems), _) => Err(problems),
        (None, Some(scenario)) => Ok(scenario),
        (None, None) => Err(Problems {
            label: label.to_owned(),
            text,
            problems: Vec::new(),
        }),
    }
}

fn read(label: &str, set: &BTreeMap<String, String>, cx: &mut Collector<'_>) -> Option<Scenario> {
    let mut root = yaml::read(cx)?;
    let cases = Cases::of(&mut root, set, cx)?;
    let name = name(&root, label, cx);
    let variants = cases.variant_names();
    let mut runs = Runs::default();
    for combination in cases.combinations() {
        if variants.is_empty() {
            runs.add(&cases, &combination, None, &name, cx);
        }
        for variant in 0..variants.len() {
            runs.add(&cases, &combination, Some(variant), &name, cx);
        }
    }
    runs.report_problems(cx);
    let scope = LessonScope {
        cases: &cases,
        subjects: &runs.subjects,
        alone: &runs.alone,
    };
    let learn = learn::lesson(&root, &scope, cx);
    let compare = compare(&root, &cases, runs.subjects, cx);
    for run in &mut runs.specs {
        watch(run, &compare);
        watch_for_lesson(run, learn.as_ref());
    }
    let title = field::<Text>(&root, "title", cx);
    Some(Scenario {
        title: title.map_or_else(|| name.clone(), |title| title.0),
        claim: field::<Text>(&root, "claim", cx).map(|claim| claim.0),
        truth: truth(&root, cx),
        source: texts(&root, "source", cx),
        lesson: field::<Text>(&root, "lesson", cx).map(|lesson| lesson.0),
        tags: tags(&root, cx),
        exercises: field(&root, "exercises", cx)
            .map(|written| resolve::exercises(written, &variants, &runs.specs, cx))
            .unwrap_or_default(),
        name,
        runs: runs.specs,
        compare,
        learn,
    })
}

/// Watches every series of a run that its expectations and comparisons read.
pub(super) fn watch(run: &mut RunSpec, compare: &[Expectation]) {
    run.watched = watched(run, compare);
    name_connections(run);
}

/// Makes clients report the connections that a watched series belongs to.
fn name_connections(run: &mut RunSpec) {
    for client in &mut run.workload.clients {
        let numbers = run.watched.iter().filter_map(|series| {
            let (subject, _) = series.as_str().split_once('.')?;
            let (owner, number) = connection(subject)?;
            (owner == client.name.as_str()).then_some(number)
        });
        client.named = numbers.collect();
    }
}

/// Reads the name of a connection of a client: `load:1`.
pub(crate) fn connection(subject: &str) -> Option<(&str, u64)> {
    let (client, number) = subject.split_once(':')?;
    let number = number.parse().ok().filter(|number| *number > 0)?;
    Some((client, number))
}

fn watched(run: &RunSpec, compare: &[Expectation]) -> Vec<SeriesName> {
    let own = run.expect.iter().flat_map(Expectation::metrics);
    let compared = compare
        .iter()
        .flat_map(Expectation::metrics)
        .filter(|metric| metric.variant == run.id.variant);
    let names: IndexSet<&SeriesName> = own.chain(compared).map(|metric| &metric.series).collect();
    names.into_iter().cloned().collect()
}

/// Watches the series that the lesson's questions are about, up to the last moment that they name.
fn watch_for_lesson(run: &mut RunSpec, lesson: Option<&Lesson>) {
    let Some(lesson) = lesson else { return };
    for (_, answered_by, prediction) in lesson.predictions() {
        if !lesson.variants_of(answered_by).contains(&run.id.variant) {
            continue;
        }
        let (series, until) = prediction.reads(run.id.variant.as_deref());
        run.watch_until = run.watch_until.max(until);
        for name in series {
            if !run.watched.contains(&name) {
                run.watched.push(name);
            }
        }
    }
    name_connections(run);
}

/// The runs so far, with their problems.
#[derive(Default)]
struct Runs {
    specs: Vec<RunSpec>,
    /// The nodes and actors that each variant's expectations may refer to.
    subjects: IndexMap<String, Subjects>,
    /// The same in a scenario without variants.
    alone: Subjects,
    /// Number of routes of all runs together.
    routes: usize,
    /// Each problem with the numbers of the runs that have it.
    problems: IndexMap<(usize, usize, String), (Problem, Vec<usize>)>,
    /// The variant and the matrix case of each run.
    names: Vec<(String, String)>,
}

impl Runs {
    fn add(
        &mut self,
        cases: &Cases,
        combination: &[(String, String)],
        variant: Option<usize>,
        scenario: &str,
        cx: &mut Collector<'_>,
    ) {
        let before = cx.count();
        if self.routes > MAX_ROUTES_OF_ALL_RUNS {
            cx.error(
                Span::default(),
                format!("the runs of this file need more than {MAX_ROUTES_OF_ALL_RUNS} routes"),
            )
            .help("split the scenario into several files");
            return;
        }
        let UndecodedRun {
            variant,
            case,
            params,
            tree,
        } = cases.run(combination, variant, cx);
        let number = self.names.len();
        self.names.push((
            variant.clone().unwrap_or_default(),
            case.iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" "),
        ));
        cx.outline = Outline::of(&tree);
        if let Some(document) = Document::from_node(&tree, cx) {
            let names = Names::of(&document, cx);
            if let Some(variant) = &variant {
                self.subjects
                    .entry(variant.clone())
                    .or_insert_with(|| names.subjects(&document));
            } else {
                self.alone = names.subjects(&document);
            }
            let id = RunId {
                scenario: scenario.to_owned(),
                variant,
                case,
                repetition: None,
            };
            let variants = cases.variant_names();
            let spec = resolve::run(&document, &names, id, params, &variants, cx);
            self.routes += spec
                .topology
                .nodes
                .values()
                .map(|node| node.routes.len())
                .sum::<usize>();
            self.specs.push(spec);
        } else if let Some(variant) = variant {
            self.subjects.entry(variant).or_default();
        }
        for problem in cx.take_since(before) {
            let key = (problem.start, problem.len, problem.message.clone());
            let (_, runs) = self
                .problems
                .entry(key)
                .or_insert_with(|| (problem, Vec::new()));
            if runs.last() != Some(&number) {
                runs.push(number);
            }
        }
    }

    /// Reports each problem once, with the runs that have it unless all have it.
    fn report_problems(&mut self, cx: &mut Collector<'_>) {
        let problems = std::mem::take(&mut self.problems).into_values();
        let reported = problems
            .map(|(mut problem, runs)| {
                problem.only_in = (runs.len() < self.names.len()).then(|| self.shown(&runs));
                problem
            })
            .collect();
        cx.put(reported);
    }

    /// Describes some of the runs: by variant if all cases of the variants are among them, else by case.
    fn shown(&self, runs: &[usize]) -> String {
        /// Longer lists do not help.
        const NAMED: usize = 3;
        let whole = |part: fn(&(String, String)) -> &String| {
            let parts: IndexSet<&String> = runs.iter().map(|run| part(&self.names[*run])).collect();
            let of_parts = self.names.iter().filter(|name| parts.contains(part(name)));
            (of_parts.count() == runs.len()).then_some(parts)
        };
        let shown: Vec<String> = if let Some(variants) = whole(|(variant, _)| variant) {
            variants
                .iter()
                .map(|name| format!("variant `{name}`"))
                .collect()
        } else if let Some(cases) = whole(|(_, case)| case) {
            cases.iter().map(|name| format!("case `{name}`")).collect()
        } else {
            let names = runs.iter().map(|run| &self.names[*run]);
            names
                .map(|(variant, case)| format!("variant `{variant}` of case `{case}`"))
                .collect()
        };
        let named = shown[..shown.len().min(NAMED)].join(", ");
        match shown.len().saturating_sub(NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }
}

/// Returns the scenario's name: its own, or the stem of its file with unsuitable characters replaced.
fn name(root: &Node, label: &str, cx: &mut Collector<'_>) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if let Some(name) = field::<Spanned<Text>>(root, "name", cx) {
        let text = name.value.0;
        let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !begins || text.len() > MAX_NAME || !text.chars().all(fits) {
            cx.error(
                name.span,
                format!("{} is not a name for a scenario", quoted(&text)),
            )
            .help(format!(
                "use letters, digits, `-`, `_` and `.`, at most {MAX_NAME}; \
                `title` takes any text"
            ));
        }
        return text;
    }
    let stem = Path::new(label)
        .file_stem()
        .map(|stem| stem.to_string_lossy());
    let stem: String = stem
        .as_deref()
        .unwrap_or_default()
        .chars()
        .take(MAX_NAME)
        .map(|letter| if fits(letter) { letter } else { '-' })
        .collect();
    if stem.is_empty() {
        "scenario".to_owned()
    } else {
        stem
    }
}

fn field<T: FromNode>(root: &Node, key: &str, cx: &mut Collector<'_>) -> Option<T> {
    let node = root
        .get(key)
        .filter(|node| !matches!(node.kind, NodeKind::Null))?;
    T::from_node(node, cx)
}

fn texts(root: &Node, key: &str, cx: &mut Collector<'_>) -> Vec<String> {
    let texts = field::<OneOrMany<Text>>(root, key, cx);
    texts
        .map(|texts| texts.0.into_iter().map(|text| text.0).collect())
        .unwrap_or_default()
}

/// Returns the tags, each of which can be chosen by `--tag`.
fn tags(root: &Node, cx: &mut Collector<'_>) -> Vec<String> {
    let tags = texts(root, "tags", cx);
    if let (Some(node), Some(several)) =
        (root.get("tags"), tags.iter().find(|tag| tag.contains(',')))
    {
        let each: Vec<&str> = several.split(',').map(str::trim).collect();
        cx.error(node.head, format!("{} is one tag", quoted(several)))
            .help(format!("for several, write `tags: [{}]`", each.join(", ")));
    }
    tags
}

/// Returns the truth of the claim; without a claim it is reported as a problem.
fn truth(root: &Node, cx: &mut Collector<'_>) -> Option<Truth> {
    let truth = field::<Spanned<Truth>>(root, "truth", cx)?;
    if field::<Text>(root, "claim", cx).is_none() {
        cx.error(truth.span, "`truth` is set, but `claim` is not")
            .help("write the statement that it judges: `claim: ...`");
    }
    Some(truth.value)
}

/// Resolves the comparisons between variants. They hold for every matrix case, so they
/// cannot use its parameters.
fn compare(
    root: &Node,
    cases: &Cases,
    subjects: IndexMap<String, Subjects>,
    cx: &mut Collector<'_>,
) -> Vec<Expectation> {
    let Some(list) = field::<OneOrMany<ExpectationDoc>>(root, "compare", cx) else {
        return Vec::new();
    };
    if subjects.is_empty() {
        if let Some(node) = root.get("compare") {
            cx.error(node.head, "`compare` needs `variants`")
                .help("comparisons are between variants; for a single run use `expect`");
        }
        return Vec::new();
    }
    let common = cases.common_params(cx);
    let axes = cases.axis_names();
    let mut filled = Vec::new();
    for mut written in list.0 {
        let text = written.scalar.text.as_str();
        let axis = axes.iter().find(|axis| {
            text.contains(&format!("${axis}")) || text.contains(&format!("${{{axis}}}"))
        });
        if let Some(axis) = axis {
            cx.error(
                written.span,
                format!("a comparison cannot use `${axis}`, which differs between cases"),
            )
            .help("a comparison holds for every case of the matrix");
            continue;
        }
        params::fill_scalar(&mut written.scalar, written.span, &common, cx);
        filled.push(written);
    }
    resolve::expectations(&filled, &NameScope::Compare(subjects), cx)
}
