//! Lessons by name: the shipped ones, or those in the user's own files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::numbers::{Numbers, numbers_for};
use crate::scenario::lesson::{Lesson, LessonStep, PredictionForm};
use crate::scenario::{self, Problems};
use crate::suite::{self, ScenarioFile, ScenarioSource};

/// A scenario that has a lesson.
#[derive(Debug, Clone)]
pub struct LessonFile {
    /// The scenario with the numbers of the student.
    pub file: Arc<ScenarioFile>,
    /// Its lesson.
    pub lesson: Lesson,
    /// The seed of the student's numbers, if there is one.
    pub seed: Option<u64>,
    /// The kernels that it runs on, from old to new; empty for the kernel of this machine.
    pub kernels: Vec<String>,
    source: ScenarioSource,
}

/// The reason why a lesson cannot be opened.
#[derive(Debug, Error)]
pub enum CourseError {
    /// Messages of the search for files.
    #[error("{0}")]
    Unknown(String),
    /// The file has mistakes.
    #[error("the scenario is invalid")]
    Invalid(Box<Problems>),
    /// The scenario has no lesson.
    #[error("{label} has no lesson (`learn:`); `nslab learn --list` shows those that have one")]
    NoLesson {
        /// The scenario as the user named it.
        label: String,
    },
}

impl LessonFile {
    /// Returns the name of the lesson.
    pub fn name(&self) -> &str {
        &self.file.scenario.name
    }

    /// Returns the same lesson with the numbers of a seed. Parameters that were set keep their values.
    ///
    /// # Errors
    /// Returns the problems of the scenario with these numbers.
    pub fn with_seed(&self, seed: u64) -> Result<Self, Box<Problems>> {
        let mut all = numbers_for(&self.lesson, seed);
        all.extend(self.file.set.clone());
        self.reopened(&all, Some(seed))
    }

    /// Returns the same lesson for some kernels, named from old to new.
    pub fn on_kernels(mut self, names: Vec<String>) -> Self {
        for step in &mut self.lesson.steps {
            if let LessonStep::Predict(prediction) = step
                && let PredictionForm::Since { kernels, .. } = &mut prediction.form
            {
                kernels.clone_from(&names);
            }
        }
        self.kernels = names;
        self
    }

    /// Returns the same lesson with other values of its parameters.
    ///
    /// # Errors
    /// Returns the problems of the scenario with these values.
    pub fn with_numbers(&self, numbers: &Numbers) -> Result<Self, Box<Problems>> {
        let mut all = self.file.set.clone();
        all.extend(numbers.clone());
        self.reopened(&all, self.seed)
    }

    fn reopened(&self, set: &Numbers, seed: Option<u64>) -> Result<Self, Box<Problems>> {
        // Only a file without a lesson gives none, and this one has it.
        let again = open(&self.source, set, seed)?.ok_or_else(|| {
            Box::new(Problems {
                label: self.source.label.clone(),
                text: self.source.text.clone(),
                problems: Vec::new(),
            })
        })?;
        Ok(again.on_kernels(self.kernels.clone()))
    }

    /// Returns the text of the scenario with everything that the student must not see yet.
    pub fn full_text(&self) -> &str {
        &self.source.text
    }
}

fn open(
    source: &ScenarioSource,
    set: &BTreeMap<String, String>,
    seed: Option<u64>,
) -> Result<Option<LessonFile>, Box<Problems>> {
    let scenario = scenario::parse(&source.label, &source.text, set).map_err(Box::new)?;
    let Some(lesson) = scenario.learn.clone() else {
        return Ok(None);
    };
    let file = ScenarioFile {
        label: source.label.clone(),
        text: scenario::without_spoilers(&source.text),
        set: set.clone(),
        scenario,
    };
    Ok(Some(LessonFile {
        file: Arc::new(file),
        lesson,
        seed,
        kernels: Vec::new(),
        source: source.clone(),
    }))
}

/// Returns the lessons that come with the program, in the order of the course.
pub fn shipped_lessons() -> Vec<LessonFile> {
    let sources = suite::shipped();
    let lessons = sources
        .iter()
        .filter(|source| source.text.contains("\nlearn:"));
    let opened = lessons.filter_map(|source| open(source, &BTreeMap::new(), None).ok().flatten());
    let mut lessons: Vec<LessonFile> = opened.collect();
    lessons.sort_by_key(|lesson| lesson.lesson.number.unwrap_or(u64::MAX));
    lessons
}

/// Opens a lesson by its name or its path.
///
/// # Errors
/// Says why there is no such lesson.
pub fn find(name: &str, set: &BTreeMap<String, String>) -> Result<LessonFile, CourseError> {
    let shipped = shipped_lessons();
    let source = match shipped.iter().find(|lesson| lesson.name() == name) {
        Some(lesson) => lesson.source.clone(),
        None => discovered(name, &shipped)?,
    };
    match open(&source, set, None) {
        Ok(Some(lesson)) => Ok(lesson),
        Ok(None) => Err(CourseError::NoLesson {
            label: source.label,
        }),
        Err(problems) => Err(CourseError::Invalid(problems)),
    }
}

fn discovered(name: &str, shipped: &[LessonFile]) -> Result<ScenarioSource, CourseError> {
    let names = || shipped.iter().map(LessonFile::name);
    match suite::discover(&[PathBuf::from(name)]) {
        Ok(sources) => match <[ScenarioSource; 1]>::try_from(sources) {
            Ok([only]) => Ok(only),
            Err(several) => Err(CourseError::Unknown(format!(
                "`{name}` has {} scenarios; name one of them",
                several.len()
            ))),
        },
        Err(errors) => {
            let close = scenario::nearest(name, names());
            Err(CourseError::Unknown(match (close, errors.first()) {
                (Some(close), _) => format!("no lesson `{name}`; did you mean `{close}`?"),
                (None, Some(error)) if name.contains(['/', '.']) => crate::causes::chain(error),
                (None, _) => format!(
                    "no lesson `{name}`; there are: {}",
                    names().collect::<Vec<_>>().join(", ")
                ),
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_set_keeps_its_value_with_a_seed() {
        let numbers = |set: &Numbers, seed| {
            let lesson = find("handshake", set).unwrap();
            lesson.with_seed(seed).unwrap().file.set.clone()
        };
        let drawn = numbers(&Numbers::new(), 7);
        let (param, _) = drawn.first_key_value().expect("the lesson varies");
        let set = Numbers::from([(param.clone(), "5".to_owned())]);
        for seed in 1..5 {
            let both = numbers(&set, seed);
            assert_eq!(both[param], "5");
            assert_eq!(both.len(), drawn.len(), "the others are drawn");
        }
    }
}
