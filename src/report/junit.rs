//! JUnit XML for CI systems: a `testsuite` for each scenario, a `testcase` for each run and for each compared case.
//!
//! JUnit has no single schema. This report keeps to what its readers share: the element names and attributes of
//! Jenkins' `junit-10.xsd` (xunit plugin), with the children of a test case in the order result, `system-out`; and
//! `file` and `line` on the test case, where GitLab (`file`) and GitHub's mikepenz/action-junit-report look for them.
//! dorny/test-reporter reads a place only from a line of a stack trace, so a failure ends with one. The Ant schema
//! (windyroad/JUnit-Schema) is not supported: it requires a host and a wall-clock time, and forbids evidence beside a
//! test case.
//!
//! An inconclusive run is an `error` of type `inconclusive`, because CI should not be green if nothing is known.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::evidence;
use super::place::FilePlace;
use super::printable::{one_line, printable};
use crate::record::{Environment, Outcome, Verdict};
use crate::suite::{RunResult, ScenarioFile, ScenarioResult, SuiteResult};

type Xml = Writer<Vec<u8>>;

/// A `testcase` element.
struct TestCase<'a> {
    name: String,
    /// Seconds; zero for comparisons.
    took: f64,
    place: FilePlace<'a>,
    outcome: Outcome,
    /// The message, one line.
    message: String,
    /// The verdicts that count against the run.
    against: Vec<String>,
    /// All lines of evidence, for `system-out`.
    evidence: Vec<String>,
    last_words: &'a [String],
}

/// Renders a suite as one XML document.
///
/// # Errors
/// None in practice: writing to memory does not fail.
pub fn render(result: &SuiteResult) -> std::io::Result<String> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let suites: Vec<_> = result
        .scenarios
        .iter()
        .map(|scenario| (scenario, cases(scenario)))
        .collect();
    let count = |outcomes: &[Outcome]| {
        suites
            .iter()
            .map(|(_, cases)| counted(cases, outcomes))
            .sum::<usize>()
    };
    let root = xml
        .create_element("testsuites")
        .with_attribute(("name", "nslab"))
        .with_attribute((
            "tests",
            suites
                .iter()
                .map(|(_, cases)| cases.len())
                .sum::<usize>()
                .to_string()
                .as_str(),
        ))
        .with_attribute(("failures", count(FAILURES).to_string().as_str()))
        .with_attribute(("errors", count(ERRORS).to_string().as_str()))
        .with_attribute(("time", seconds(result.took.as_secs_f64()).as_str()));
    root.write_inner_content(|xml| {
        suites
            .iter()
            .try_for_each(|(scenario, cases)| suite(xml, scenario, cases))
    })?;
    let mut text = String::from_utf8_lossy(&xml.into_inner()).into_owned();
    text.push('\n');
    Ok(text)
}

const FAILURES: &[Outcome] = &[Outcome::Failed];
const ERRORS: &[Outcome] = &[Outcome::Errored, Outcome::Inconclusive];
const SKIPPED: &[Outcome] = &[Outcome::Skipped, Outcome::NotApplicable];

fn counted(cases: &[TestCase<'_>], outcomes: &[Outcome]) -> usize {
    cases
        .iter()
        .filter(|case| outcomes.contains(&case.outcome))
        .count()
}

fn suite(xml: &mut Xml, result: &ScenarioResult, cases: &[TestCase<'_>]) -> std::io::Result<()> {
    let took: f64 = cases.iter().map(|case| case.took).sum();
    let element = xml
        .create_element("testsuite")
        .with_attribute(("name", one_line(&result.file.scenario.name).as_str()))
        .with_attribute(("tests", cases.len().to_string().as_str()))
        .with_attribute(("failures", counted(cases, FAILURES).to_string().as_str()))
        .with_attribute(("errors", counted(cases, ERRORS).to_string().as_str()))
        .with_attribute(("skipped", counted(cases, SKIPPED).to_string().as_str()))
        .with_attribute(("time", seconds(took).as_str()))
        .with_attribute((
            "file",
            one_line(FilePlace::of_scenario(&result.file).path).as_str(),
        ));
    let class = class_name(&result.file);
    element.write_inner_content(|xml| {
        xml.create_element("properties")
            .write_inner_content(|xml| {
                let mut properties = properties(result).into_iter();
                properties.try_for_each(|(name, value)| {
                    let property = xml
                        .create_element("property")
                        .with_attribute(("name", name));
                    property
                        .with_attribute(("value", one_line(&value).as_str()))
                        .write_empty()
                        .map(drop)
                })
            })?;
        cases.iter().try_for_each(|each| case(xml, &class, each))
    })?;
    Ok(())
}

fn case(xml: &mut Xml, class: &str, case: &TestCase<'_>) -> std::io::Result<()> {
    let element = xml
        .create_element("testcase")
        .with_attribute(("name", one_line(&case.name).as_str()))
        .with_attribute(("classname", class))
        .with_attribute(("time", seconds(case.took).as_str()))
        .with_attribute(("file", one_line(case.place.path).as_str()))
        .with_attribute(("line", case.place.line.to_string().as_str()));
    element.write_inner_content(|xml| {
        let tag = match case.outcome {
            Outcome::Passed | Outcome::Flaky => None,
            Outcome::Failed => Some("failure"),
            Outcome::Errored | Outcome::Inconclusive => Some("error"),
            Outcome::Skipped | Outcome::NotApplicable => Some("skipped"),
        };
        if let Some(tag) = tag {
            let kind = case.outcome.as_str().replace(' ', "-");
            let element = xml
                .create_element(tag)
                .with_attribute(("type", kind.as_str()));
            let element = element.with_attribute(("message", one_line(&case.message).as_str()));
            if case.against.is_empty() {
                element.write_empty()?;
            } else {
                let text = case.against.join("\n") + "\n" + &trace_line(&case.place);
                element.write_text_content(BytesText::new(&printable(&text)))?;
            }
        }
        output(xml, "system-out", &case.evidence)?;
        output(xml, "system-err", case.last_words)
    })?;
    Ok(())
}

fn output(xml: &mut Xml, tag: &str, lines: &[String]) -> std::io::Result<()> {
    if !lines.is_empty() {
        let text = lines.join("\n");
        xml.create_element(tag)
            .write_text_content(BytesText::new(&printable(&text)))?;
    }
    Ok(())
}

fn cases(result: &ScenarioResult) -> Vec<TestCase<'_>> {
    let file = &*result.file;
    let runs = result.runs.iter().map(|run| run_case(file, run));
    let compare = result.compare.iter().map(|case| {
        let outcome = evidence::compare_outcome(case);
        TestCase {
            name: evidence::compare_name(case),
            took: 0.0,
            place: FilePlace::of_outcome(file, &case.verdicts, outcome),
            outcome,
            message: message(&case.verdicts, None, outcome),
            against: evidence::against(file, &case.verdicts, None),
            evidence: case.verdicts.iter().map(evidence::verdict).collect(),
            last_words: &[],
        }
    });
    runs.chain(compare).collect()
}

fn run_case<'a>(file: &'a ScenarioFile, run: &'a RunResult) -> TestCase<'a> {
    let verdict = &run.verdict;
    let reason = verdict.reason.as_deref();
    let mut against = evidence::against(file, run.verdict.judged(), reason);
    if evidence::is_against(verdict.outcome) {
        against.splice(0..0, verdict.reason.clone());
        if evidence::emulated(run) {
            against.extend(
                evidence::emulations(run)
                    .into_iter()
                    .map(|sentence| format!("emulated: {sentence}")),
            );
        }
    }
    TestCase {
        name: evidence::run_name(run),
        took: run.took.as_secs_f64(),
        place: FilePlace::of_run(file, run),
        outcome: verdict.outcome,
        message: message(&verdict.verdicts, reason, verdict.outcome),
        against,
        evidence: evidence::of_run(run),
        last_words: &run.last_words,
    }
}

/// Returns the message for lists of results: the reason, or else the expectations that did not hold.
fn message(verdicts: &[Verdict], reason: Option<&str>, outcome: Outcome) -> String {
    if let Some(reason) = reason {
        return format!("{outcome}: {reason}");
    }
    let decisive = verdicts.iter().filter(|verdict| verdict.outcome == outcome);
    let each: Vec<String> = decisive
        .map(|verdict| match verdict.observed_text() {
            observed if observed.is_empty() => verdict.text.clone(),
            observed => format!("{}, observed {observed}", verdict.text),
        })
        .collect();
    if each.is_empty() {
        outcome.to_string()
    } else {
        format!("{outcome}: {}", each.join("; "))
    }
}

/// Returns facts about the environment, from the first run that recorded it.
fn properties(result: &ScenarioResult) -> Vec<(&'static str, String)> {
    let scenario = &result.file.scenario;
    let mut properties = vec![("title", scenario.title.clone())];
    properties.extend(scenario.claim.iter().map(|claim| ("claim", claim.clone())));
    properties.extend(
        scenario
            .truth
            .map(|truth| ("truth", truth.as_str().to_owned())),
    );
    properties.push(("tags", scenario.tags.join(" ")));
    let environment = result
        .runs
        .iter()
        .find_map(|run| run.timeline.environment.as_ref());
    if let Some(Environment {
        nslab,
        kernel_release,
        kernel_build,
        machine,
        ..
    }) = environment
    {
        properties.push(("nslab", nslab.clone()));
        properties.push(("kernel", format!("{kernel_release} {kernel_build}")));
        properties.push(("machine", machine.clone()));
    }
    properties
}

/// Returns the path as a dotted name without extension. Jenkins makes packages of it, and GitLab identifies test cases
/// by it.
fn class_name(file: &ScenarioFile) -> String {
    let path = one_line(FilePlace::of_scenario(file).path);
    let path = path.trim_start_matches(['/', '.']);
    let stem = path
        .rsplit_once('.')
        .filter(|(_, ending)| !ending.contains('/'))
        .map_or(path, |(stem, _)| stem);
    stem.replace('.', "_").replace('/', ".")
}

/// Returns a place as a line of a Java stack trace: folders as package, then file and line.
fn trace_line(place: &FilePlace<'_>) -> String {
    let (folders, file) = place.path.rsplit_once('/').unwrap_or(("", place.path));
    format!(
        "at {}({file}:{})",
        folders.trim_start_matches('/').replace('/', "."),
        place.line
    )
}

fn seconds(value: f64) -> String {
    format!("{value:.3}")
}
