//! A resolved lesson: goals, and steps that ask before they show.
//!
//! No answer is written down. A prediction names what to measure, and the record of a run decides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::expr::{Expectation, Expr, Tolerance};
use super::place::Place;
use crate::names::{ActorName, SeriesName};
use crate::tcp::TcpState;
use crate::units::{self, Unit};

/// The `learn:` of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// Skills that a student has afterwards, one sentence each.
    pub goals: Vec<String>,
    /// A picture in letters, shown before the first word.
    pub picture: Option<String>,
    /// Its place in the course.
    pub number: Option<u64>,
    /// The time that a student needs, in minutes.
    pub minutes: Option<u64>,
    /// Parameters with the values that a page offers.
    pub knobs: Vec<Knob>,
    /// Parameters with the values that students get, each student different ones.
    pub vary: Vec<Knob>,
    /// The steps, in order.
    pub steps: Vec<LessonStep>,
}

/// A parameter and its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Knob {
    pub param: String,
    pub values: Vec<String>,
}

/// One step of a lesson.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LessonStep {
    /// Text to read (Markdown).
    Say(String),
    /// A question that the next run answers.
    Predict(Box<Prediction>),
    /// A question that is not graded: the student writes a sentence and compares it with the author's.
    Why(WhyStep),
    /// The variants to run; `None` in a scenario without variants.
    Run(Vec<Option<String>>),
    /// The measurement over the prediction, and the explanation (Markdown).
    Reveal(String),
    /// Values to change so that expectations hold.
    Fix(FixStep),
}

/// A question that a run answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Its name in answers and results.
    pub name: String,
    /// The question (Markdown).
    pub ask: String,
    /// The form of the answer, and its source in the record.
    pub form: PredictionForm,
    /// Hints, in the order in which they are given.
    pub hints: Vec<String>,
}

/// The form of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PredictionForm {
    /// One number.
    Number {
        /// The quantity that is measured.
        quantity: Measurement,
        /// Largest difference that still counts as right.
        tolerance: Tolerance,
    },
    /// One of several statements.
    Choice(Vec<ChoiceOption>),
    /// The values of a quantity at several moments.
    Curve {
        /// The quantity that is measured.
        quantity: Measurement,
        /// The moments.
        at: Vec<Duration>,
        /// Largest difference that still counts as right.
        tolerance: Tolerance,
    },
    /// The counters that rise.
    Rises(Vec<RisingCounter>),
    /// The packets and states that are missing in a ladder.
    Blanks {
        /// The ladder in letters; `(NAME)` stands for a blank.
        ladder: String,
        /// The blanks, in the order of the file.
        blanks: Vec<LadderBlank>,
    },
    /// The blanks of a ladder that is drawn from the packets of the run.
    Packets(PacketQuestion),
    /// The kernel on which a statement is false first.
    Since {
        /// The statement.
        when: Expectation,
        /// The kernels, from old to new; empty for the kernel of this machine.
        kernels: Vec<String>,
    },
}

/// A connection whose packets are drawn with blanks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketQuestion {
    /// The client or command that connects.
    pub client: ActorName,
    /// Number of the attempt, from 1.
    pub attempt: usize,
    /// The blanks, in the order of the file.
    pub blanks: Vec<PacketBlank>,
}

/// A part of a recorded ladder that is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketBlank {
    /// Its name in the ladder.
    pub name: String,
    /// The number of the packet, from 1; `None` for the last one.
    pub packet: Option<usize>,
    /// The hidden part.
    pub part: PacketPart,
}

/// A part of a row of a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PacketPart {
    /// The kind of the packet.
    Kind,
    /// The side that sends it.
    Sender,
    /// The state of the client after it.
    Client,
    /// The state of the server after it.
    Server,
}

impl PacketPart {
    /// The kinds of packets that are told apart.
    pub const KINDS: [&str; 7] = ["SYN", "SYN,ACK", "ACK", "data", "FIN", "RST", "other"];
    /// The two sides.
    pub const SIDES: [&str; 2] = ["the client", "the server"];
    /// The states that an end of a connection can have. `CLOSE` means that the end has no connection.
    pub const STATES: [TcpState; 10] = [
        TcpState::SynSent,
        TcpState::SynRecv,
        TcpState::Established,
        TcpState::FinWait1,
        TcpState::FinWait2,
        TcpState::CloseWait,
        TcpState::LastAck,
        TcpState::Closing,
        TcpState::TimeWait,
        TcpState::Close,
    ];

    /// Returns the texts to choose from. They are the same for every packet, so they show nothing.
    pub fn options(self) -> Vec<&'static str> {
        match self {
            Self::Kind => Self::KINDS.to_vec(),
            Self::Sender => Self::SIDES.to_vec(),
            Self::Client | Self::Server => Self::STATES.iter().map(|s| s.as_str()).collect(),
        }
    }
}

/// A blank, with the texts to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct BlankChoices<'a> {
    pub name: &'a str,
    pub options: Vec<&'a str>,
    /// The note of each option, shown to a student who chose it.
    pub notes: Vec<Option<&'a str>>,
}

/// An expression of the expectation language, and the moment at which it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The text from the file, with parameters filled in.
    pub text: String,
    /// The expression.
    pub expr: Expr,
    /// The unit of the result.
    pub unit: Unit,
    /// The moment; the end of the run if absent.
    #[serde(with = "units::optional_duration")]
    pub at: Option<Duration>,
}

/// A statement to choose. The run decides whether it is true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChoiceOption {
    /// The statement.
    pub text: String,
    /// It is true if this holds.
    pub when: Expectation,
    /// Shown after the run to a student who chose it.
    pub note: Option<String>,
}

/// A packet or a state that is missing in a ladder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LadderBlank {
    /// Its name in the ladder.
    pub name: String,
    /// The statements to choose from. The run decides which is true.
    pub options: Vec<ChoiceOption>,
}

/// A counter that rises, or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RisingCounter {
    /// Its name, as the file writes it.
    pub text: String,
    /// Its value at the end of the run.
    pub expr: Expr,
}

/// A question that is not graded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WhyStep {
    pub ask: String,
    pub hints: Vec<String>,
    /// The author's answer, shown with the next `reveal`.
    pub answer: Option<String>,
}

/// Values to change so that expectations hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FixStep {
    /// The task (Markdown).
    pub ask: String,
    /// The variant that is changed; `None` in a scenario without variants.
    pub variant: Option<String>,
    /// Conditions that must hold.
    pub expect: Vec<Expectation>,
    /// The values that may be changed, each with its path and the value at the start.
    pub start: Vec<FixValue>,
    /// Hints, in the order in which they are given.
    pub hints: Vec<String>,
    /// Values that solve it, if the file has them.
    pub solution: Vec<FixValue>,
}

/// A value that a student may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FixValue {
    pub path: Vec<String>,
    pub value: String,
    pub place: Place,
}

impl Lesson {
    /// Returns the predictions, each with the number of its step and of the run step that answers it.
    pub fn predictions(&self) -> Vec<(usize, usize, &Prediction)> {
        let mut found = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            if let LessonStep::Predict(prediction) = step
                && let Some(run) = self.run_after(index)
            {
                found.push((index, run, prediction.as_ref()));
            }
        }
        found
    }

    /// Returns the predictions that a run step answers, each with the number of its step.
    pub fn answered_by(&self, run: usize) -> impl Iterator<Item = (usize, &Prediction)> {
        let all = self.predictions().into_iter();
        all.filter(move |(_, by, _)| *by == run)
            .map(|(step, _, prediction)| (step, prediction))
    }

    /// Returns the ungraded questions between a `reveal` step and the one before it, each with the number of
    /// its step.
    pub fn whys_before(&self, reveal: usize) -> Vec<(usize, &WhyStep)> {
        let mut found = Vec::new();
        for (index, step) in self.steps.iter().enumerate().take(reveal) {
            match step {
                LessonStep::Reveal(_) => found.clear(),
                LessonStep::Why(why) => found.push((index, why)),
                LessonStep::Say(_)
                | LessonStep::Predict(_)
                | LessonStep::Run(_)
                | LessonStep::Fix(_) => {}
            }
        }
        found
    }

    /// Returns the number of the first run step after a step.
    pub fn run_after(&self, index: usize) -> Option<usize> {
        let is_run = |step: &LessonStep| matches!(step, LessonStep::Run(_));
        let after = self.steps.iter().skip(index).position(is_run);
        after.map(|offset| index + offset)
    }

    /// Returns the variants of a run step; empty for any other step.
    pub fn variants_of(&self, step: usize) -> &[Option<String>] {
        match self.steps.get(step) {
            Some(LessonStep::Run(variants)) => variants,
            _ => &[],
        }
    }

    /// Returns the variants that the lesson runs, each once.
    pub fn variants(&self) -> Vec<Option<String>> {
        let mut all: Vec<Option<String>> = Vec::new();
        for step in 0..self.steps.len() {
            for variant in self.variants_of(step) {
                if !all.contains(variant) {
                    all.push(variant.clone());
                }
            }
        }
        all
    }
}

impl PredictionForm {
    /// Returns the statements to choose from; those of all blanks for a ladder.
    pub fn options(&self) -> Vec<&ChoiceOption> {
        match self {
            Self::Choice(options) => options.iter().collect(),
            Self::Blanks { blanks, .. } => blanks.iter().flat_map(|blank| &blank.options).collect(),
            Self::Number { .. }
            | Self::Curve { .. }
            | Self::Rises(_)
            | Self::Packets(_)
            | Self::Since { .. } => Vec::new(),
        }
    }

    /// Returns the texts of a question with one right statement, in order; empty for other questions.
    pub fn statements(&self) -> Vec<String> {
        match self {
            Self::Choice(options) => {
                let texts = options.iter().map(|option| option.text.trim().to_owned());
                texts.collect()
            }
            Self::Since { kernels, .. } => since_statements(kernels),
            Self::Number { .. }
            | Self::Curve { .. }
            | Self::Rises(_)
            | Self::Blanks { .. }
            | Self::Packets(_) => Vec::new(),
        }
    }

    /// Returns the blanks of a ladder, drawn by the author or recorded; empty for other questions.
    pub fn blanks(&self) -> Vec<BlankChoices<'_>> {
        match self {
            Self::Blanks { blanks, .. } => blanks
                .iter()
                .map(|blank| BlankChoices {
                    name: &blank.name,
                    options: blank.options.iter().map(|o| o.text.trim()).collect(),
                    notes: blank.options.iter().map(|o| o.note.as_deref()).collect(),
                })
                .collect(),
            Self::Packets(question) => question
                .blanks
                .iter()
                .map(|blank| {
                    let options = blank.part.options();
                    BlankChoices {
                        name: &blank.name,
                        notes: vec![None; options.len()],
                        options,
                    }
                })
                .collect(),
            Self::Number { .. }
            | Self::Choice(_)
            | Self::Curve { .. }
            | Self::Rises(_)
            | Self::Since { .. } => Vec::new(),
        }
    }
}

/// Returns the statements about the kernel on which something is false first. The last one is "never".
fn since_statements(kernels: &[String]) -> Vec<String> {
    let this = ["this kernel".to_owned()];
    let kernels = if kernels.is_empty() { &this } else { kernels };
    let mut statements = Vec::new();
    for (index, kernel) in kernels.iter().enumerate() {
        statements.push(match index.checked_sub(1).and_then(|i| kernels.get(i)) {
            None if kernels.len() == 1 => format!("It is false on {kernel}."),
            None => format!("It is already false on {kernel}."),
            Some(before) => format!("It is true on {before}, and false on {kernel}."),
        });
    }
    let still = if kernels.len() == 1 { "" } else { "still " };
    if let Some(last) = kernels.last() {
        statements.push(format!("It is {still}true on {last}."));
    }
    statements
}

impl Prediction {
    /// Returns the series that it reads, as expectations spell them.
    pub(crate) fn series_names(&self) -> Vec<String> {
        let exprs: Vec<&Expr> = match &self.form {
            PredictionForm::Number { quantity, .. } | PredictionForm::Curve { quantity, .. } => {
                vec![&quantity.expr]
            }
            PredictionForm::Rises(counters) => {
                counters.iter().map(|counter| &counter.expr).collect()
            }
            PredictionForm::Choice(_)
            | PredictionForm::Blanks { .. }
            | PredictionForm::Packets(_)
            | PredictionForm::Since { .. } => Vec::new(),
        };
        let metrics = exprs.into_iter().flat_map(Expr::metrics);
        metrics
            .map(|metric| match &metric.variant {
                Some(variant) => format!("{variant}.{}", metric.series),
                None => metric.series.to_string(),
            })
            .collect()
    }

    /// Returns the series of a variant that it reads, and the last moment at which it does.
    pub(crate) fn reads(&self, variant: Option<&str>) -> (Vec<SeriesName>, Duration) {
        let (mut names, mut until) = (Vec::new(), Duration::ZERO);
        let mut add = |expr: &Expr| {
            let metrics = expr.metrics();
            let mine = metrics
                .into_iter()
                .filter(|metric| metric.variant.is_none() || metric.variant.as_deref() == variant);
            names.extend(mine.map(|metric| metric.series.clone()));
        };
        match &self.form {
            PredictionForm::Number { quantity, .. } => {
                add(&quantity.expr);
                until = quantity.at.unwrap_or_default();
            }
            PredictionForm::Curve { quantity, at, .. } => {
                add(&quantity.expr);
                until = at.iter().copied().max().unwrap_or_default();
            }
            PredictionForm::Rises(counters) => {
                for counter in counters {
                    add(&counter.expr);
                }
            }
            PredictionForm::Choice(_) | PredictionForm::Blanks { .. } => {
                for option in self.form.options() {
                    let metrics = option.when.metrics();
                    let mine = metrics.into_iter().filter(|metric| {
                        metric.variant.is_none() || metric.variant.as_deref() == variant
                    });
                    names.extend(mine.map(|metric| metric.series.clone()));
                    until = until.max(option.when.window.latest());
                }
            }
            PredictionForm::Since { when, .. } => {
                names.extend(
                    when.metrics()
                        .into_iter()
                        .map(|metric| metric.series.clone()),
                );
                until = when.window.latest();
            }
            PredictionForm::Packets(_) => {}
        }
        (names, until)
    }
}
