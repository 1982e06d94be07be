//! The data of a page: what a student sees from the start, and what is sealed until a prediction is made.

use serde::Serialize;

use super::super::finding::Finding;
use super::super::grid::{GridCell, GridRuns};
use super::super::guess::example;
use super::super::seal::PageKey;
use super::super::trial::{AllRuns, KernelAnswer, LessonResults};
use super::super::{LessonFile, seal};
use crate::record::{SeriesKind, Timeline};
use crate::report::html::markdown;
use crate::scenario::expr::Tolerance;
use crate::scenario::lesson::{Lesson, LessonStep, Prediction, PredictionForm};
use crate::units::Unit;

/// The most changes of a series in a page; of a longer one, every n-th is kept.
const MOST_POINTS: usize = 400;

/// The open part of a page.
#[derive(Debug, Serialize)]
pub(super) struct OpenData {
    format: u32,
    lesson: String,
    seed: Option<u64>,
    /// The kernels that are compared, from old to new.
    kernels: Vec<String>,
    /// The identity of the lesson, for the answers file.
    identity: String,
    /// The key of the seal of an answers file.
    sealing: String,
    key: Option<String>,
    salt: Vec<u8>,
    rounds: u32,
    steps: Vec<OpenStep>,
    knobs: Vec<OpenKnob>,
    /// The sealed part of each step, and of the grid as the last.
    sealed: Vec<Option<String>>,
}

#[derive(Debug, Serialize)]
struct OpenKnob {
    name: String,
    values: Vec<String>,
    /// The position of the lesson's own value, from 0.
    own: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
enum OpenStep {
    Say {
        html: String,
    },
    Predict(Box<OpenPrediction>),
    Why {
        html: String,
        hints: Vec<String>,
    },
    Run {
        names: String,
        answers: Vec<usize>,
    },
    Reveal,
    Fix {
        html: String,
        expect: Vec<String>,
        values: Vec<(String, String)>,
        hints: Vec<String>,
    },
}

#[derive(Debug, Serialize)]
struct OpenPrediction {
    name: String,
    html: String,
    form: &'static str,
    /// True for a question about several kernels; the settings of the knobs are run on one.
    since: bool,
    unit: Option<Unit>,
    /// The texts of the options or counters.
    options: Vec<String>,
    /// A ladder with blanks, and what each blank may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    ladder: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blanks: Vec<OpenBlank>,
    /// The moments of a curve, seconds.
    at: Vec<f64>,
    example: String,
    hints: Vec<String>,
}

#[derive(Debug, Serialize)]
struct OpenBlank {
    name: String,
    options: Vec<String>,
}

/// The sealed part of a run step.
#[derive(Debug, Serialize)]
struct SealedRun {
    answers: Vec<SealedAnswer>,
    /// The name and the runs' series, for charts.
    series: Vec<PageSeries>,
}

#[derive(Debug, Serialize)]
struct SealedAnswer {
    /// The number of the step that asks.
    step: usize,
    number: Option<f64>,
    choice: Option<usize>,
    curve: Option<Vec<f64>>,
    rises: Option<Vec<bool>>,
    blanks: Option<Vec<usize>>,
    /// The reason if the run does not answer.
    problem: Option<String>,
    /// Largest difference that counts as right: a share or a value.
    share: Option<f64>,
    most: Option<f64>,
    notes: Vec<Option<String>>,
    /// The series that the question is about.
    about: Vec<String>,
    /// The packets without blanks.
    ladder: Option<String>,
    /// The quantities that decided between statements.
    measured: Vec<String>,
    /// The answer of each kernel, if there are several.
    kernels: Vec<KernelAnswer>,
}

/// A recorded series: its unit, and the times and values of its changes.
#[derive(Debug, Serialize)]
struct PageSeries {
    name: String,
    unit: Unit,
    t: Vec<f64>,
    v: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct SealedCell {
    knobs: Vec<String>,
    /// For each run step, its sealed part.
    runs: Vec<(usize, SealedRun)>,
}

/// Collects the data of a page.
pub(super) fn data(lesson: &LessonFile, runs: &GridRuns, code: Option<&str>) -> OpenData {
    let identity = seal::identity(lesson.full_text(), lesson.seed);
    let mut texts = Vec::new();
    for (index, step) in lesson.lesson.steps.iter().enumerate() {
        texts.push(match step {
            LessonStep::Run(_) => json(&sealed_run(lesson, index, &runs.own)),
            LessonStep::Reveal(text) => Some(json_of_reveal(&lesson.lesson, index, text)),
            LessonStep::Say(_)
            | LessonStep::Predict(_)
            | LessonStep::Why(_)
            | LessonStep::Fix(_) => None,
        });
    }
    let cells: Vec<SealedCell> = runs.cells.iter().map(sealed_cell).collect();
    texts.push(json(&cells));
    let key = PageKey::of(&identity, &texts, code);
    let numbered = (0..).zip(&texts);
    let sealed = numbered
        .map(|(number, text)| key.seal(number, text.as_deref()?))
        .collect();
    OpenData {
        format: 1,
        lesson: lesson.name().to_owned(),
        seed: lesson.seed,
        kernels: lesson.kernels.clone(),
        sealing: seal::sealing_key(&identity),
        identity,
        key: key.shown(),
        salt: key.salt.to_vec(),
        rounds: seal::ROUNDS,
        steps: (0..lesson.lesson.steps.len())
            .map(|index| open_step(&lesson.lesson, index, &runs.own))
            .collect(),
        knobs: lesson
            .lesson
            .knobs
            .iter()
            .map(|knob| OpenKnob {
                name: knob.param.clone(),
                own: knob
                    .values
                    .iter()
                    .position(|value| own_value(lesson, &knob.param) == Some(value))
                    .unwrap_or(0),
                values: knob.values.clone(),
            })
            .collect(),
        sealed,
    }
}

/// Returns the value of a parameter with the student's numbers.
fn own_value<'a>(lesson: &'a LessonFile, param: &str) -> Option<&'a String> {
    lesson.file.scenario.runs.first()?.params.get(param)
}

fn json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

fn html(text: &str) -> String {
    markdown(text).into_string()
}

fn open_step(lesson: &Lesson, index: usize, runs: &AllRuns) -> OpenStep {
    match &lesson.steps[index] {
        LessonStep::Say(text) => OpenStep::Say { html: html(text) },
        LessonStep::Predict(prediction) => {
            let results = runs.of(lesson
                .run_after(index)
                .map_or(&[], |run| lesson.variants_of(run)));
            OpenStep::Predict(Box::new(open_prediction(prediction, &results)))
        }
        LessonStep::Why(why) => OpenStep::Why {
            html: html(&why.ask),
            hints: why.hints.iter().map(|hint| html(hint)).collect(),
        },
        LessonStep::Run(variants) => OpenStep::Run {
            names: variants
                .iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
            answers: lesson.answered_by(index).map(|(step, _)| step).collect(),
        },
        LessonStep::Reveal(_) => OpenStep::Reveal,
        LessonStep::Fix(fix) => OpenStep::Fix {
            html: html(&fix.ask),
            expect: fix
                .expect
                .iter()
                .map(|expectation| expectation.text.clone())
                .collect(),
            values: fix
                .start
                .iter()
                .map(|value| (value.path.join("."), value.value.clone()))
                .collect(),
            hints: fix.hints.iter().map(|hint| html(hint)).collect(),
        },
    }
}

fn open_prediction(prediction: &Prediction, results: &LessonResults) -> OpenPrediction {
    let (form, unit, options, at) = match &prediction.form {
        PredictionForm::Number { quantity, .. } => {
            ("number", Some(quantity.unit), Vec::new(), Vec::new())
        }
        PredictionForm::Choice(_) | PredictionForm::Since { .. } => {
            ("choice", None, prediction.form.statements(), Vec::new())
        }
        PredictionForm::Curve { quantity, at, .. } => {
            let at = at.iter().map(std::time::Duration::as_secs_f64);
            ("curve", Some(quantity.unit), Vec::new(), at.collect())
        }
        PredictionForm::Rises(counters) => {
            let texts = counters.iter().map(|counter| counter.text.clone());
            ("rises", None, texts.collect(), Vec::new())
        }
        PredictionForm::Blanks { .. } | PredictionForm::Packets(_) => {
            ("blanks", None, Vec::new(), Vec::new())
        }
    };
    let ladder = match &prediction.form {
        PredictionForm::Blanks { ladder, .. } => Some(ladder.trim_end().to_owned()),
        PredictionForm::Packets(asked) => Some(results.drawing(asked).unwrap_or_else(|why| why)),
        PredictionForm::Number { .. }
        | PredictionForm::Choice(_)
        | PredictionForm::Since { .. }
        | PredictionForm::Curve { .. }
        | PredictionForm::Rises(_) => None,
    };
    let blanks = prediction.form.blanks().into_iter();
    let blanks = blanks.map(|blank| OpenBlank {
        name: blank.name.to_owned(),
        options: blank.options.into_iter().map(str::to_owned).collect(),
    });
    OpenPrediction {
        name: prediction.name.clone(),
        html: html(&prediction.ask),
        form,
        since: matches!(prediction.form, PredictionForm::Since { .. }),
        unit,
        options,
        ladder,
        blanks: blanks.collect(),
        at,
        example: example(prediction),
        hints: prediction.hints.iter().map(|hint| html(hint)).collect(),
    }
}

fn sealed_run(lesson: &LessonFile, run: usize, runs: &AllRuns) -> SealedRun {
    let variants = lesson.lesson.variants_of(run);
    let results = runs.of(variants);
    let answers = lesson.lesson.answered_by(run).map(|(step, prediction)| {
        let mut answer = sealed_answer(step, prediction);
        answer.ladder = results.complete_drawing(prediction);
        answer.measured = results.measured(prediction);
        answer.kernels = results.by_kernel(prediction, &lesson.kernels);
        match results.answer(prediction) {
            Ok(Finding::Number(value)) => answer.number = Some(value),
            Ok(Finding::Choice(index)) => answer.choice = Some(index),
            Ok(Finding::Curve(values)) => answer.curve = Some(values),
            Ok(Finding::Rises(rose)) => answer.rises = Some(rose),
            Ok(Finding::Blanks(truths)) => answer.blanks = Some(truths),
            Err(reason) => answer.problem = Some(reason),
        }
        answer
    });
    let several = results.runs.len() > 1;
    let series = results.runs.iter().flat_map(|(variant, run)| {
        let prefix = variant.as_ref().filter(|_| several);
        let prefix = prefix.map_or(String::new(), |variant| format!("{variant}."));
        all_series(&run.timeline, &prefix)
    });
    SealedRun {
        answers: answers.collect(),
        series: series.collect(),
    }
}

fn sealed_answer(step: usize, prediction: &Prediction) -> SealedAnswer {
    let tolerance = match &prediction.form {
        PredictionForm::Number { tolerance, .. } | PredictionForm::Curve { tolerance, .. } => {
            Some(*tolerance)
        }
        PredictionForm::Choice(_)
        | PredictionForm::Rises(_)
        | PredictionForm::Blanks { .. }
        | PredictionForm::Packets(_)
        | PredictionForm::Since { .. } => None,
    };
    // Of a ladder, the notes of all blanks in a row.
    let options = prediction.form.options().into_iter();
    let notes = options.map(|option| option.note.clone()).collect();
    SealedAnswer {
        step,
        number: None,
        choice: None,
        curve: None,
        rises: None,
        blanks: None,
        problem: None,
        share: match tolerance {
            Some(Tolerance::Relative(share)) => Some(share),
            Some(Tolerance::Absolute(_)) | None => None,
        },
        most: match tolerance {
            Some(Tolerance::Absolute(most)) => Some(most),
            Some(Tolerance::Relative(_)) | None => None,
        },
        notes,
        about: prediction.series_names(),
        ladder: None,
        measured: Vec::new(),
        kernels: Vec::new(),
    }
}

/// Returns every counter and gauge that changed.
fn all_series(timeline: &Timeline, prefix: &str) -> Vec<PageSeries> {
    let end = timeline.now.as_secs_f64();
    let changed = timeline.all_series().filter(|series| {
        matches!(
            series.declaration.kind,
            SeriesKind::Counter | SeriesKind::Gauge
        ) && series.changes.iter().any(|(_, value)| *value != 0)
    });
    changed
        .map(|series| {
            let unit = series.declaration.unit;
            let every = series.changes.len().div_ceil(MOST_POINTS).max(1);
            let last = series.changes.len().saturating_sub(1);
            let kept = series.changes.iter().enumerate();
            let kept = kept.filter(|(index, _)| index % every == 0 || *index == last);
            let (mut t, mut v): (Vec<f64>, Vec<f64>) = kept
                .map(|(_, (t, value))| (rounded(t.as_secs_f64()), unit.from_record(*value as f64)))
                .unzip();
            t.push(rounded(end));
            v.push(v.last().copied().unwrap_or_default());
            PageSeries {
                name: format!("{prefix}{}", series.declaration.name),
                unit,
                t,
                v,
            }
        })
        .collect()
}

/// Milliseconds are enough for a chart.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn sealed_cell(cell: &GridCell) -> SealedCell {
    let lesson = &cell.lesson.lesson;
    let steps =
        (0..lesson.steps.len()).filter(|step| matches!(lesson.steps[*step], LessonStep::Run(_)));
    SealedCell {
        knobs: lesson
            .knobs
            .iter()
            .map(|knob| cell.numbers.get(&knob.param).cloned().unwrap_or_default())
            .collect(),
        runs: steps
            .map(|step| (step, sealed_run(&cell.lesson, step, &cell.runs)))
            .collect(),
    }
}

/// Returns the explanation with the author's answers to the questions before it.
fn json_of_reveal(lesson: &Lesson, index: usize, text: &str) -> String {
    let whys = lesson.whys_before(index).into_iter();
    let answers = whys.filter_map(|(_, why)| why.answer.as_deref());
    let all: String = answers.chain([text]).map(html).collect();
    json(&all).unwrap_or_default()
}
