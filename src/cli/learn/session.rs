//! One session of a lesson: shows its steps, takes answers, runs, and keeps the progress.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::sync::watch;

use super::super::lesson::kernels::LessonKernels;
use super::super::progress::Progress as LiveProgress;
use super::super::{exit, message, output};
use super::input::{Input, Typed};
use super::list::score;
use super::say;
use super::words::{paragraphs, paragraphs_of, question_of};
use crate::causes::chain;
use crate::learn::{
    Guess, LessonFile, LessonProgress, LessonResults, ProgressFile, TrialSetup, actors, example,
    gap, run_variants,
};
use crate::record::Outcome;
use crate::report::printable;
use crate::scenario::lesson::{LessonStep, Prediction, PredictionForm, WhyStep};

/// The way on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepEnd {
    Next,
    /// The student wants to stop, or the input has ended.
    Quit,
    /// A signal asks to stop.
    Stopped,
    /// A run gave no result.
    Broken(Outcome),
}

/// A lesson in progress.
pub(super) struct Session<'a> {
    pub(super) lesson: &'a LessonFile,
    pub(super) input: Input,
    pub(super) fix: PathBuf,
    pub(super) kernels: &'a LessonKernels,
    pub(super) progress: LessonProgress,
    file: Option<ProgressFile>,
    /// The folder of records, if they are kept.
    records: Option<PathBuf>,
    /// The run step that was made last, with its results.
    recorded: Option<(usize, LessonResults)>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        lesson: &'a LessonFile,
        file: Option<ProgressFile>,
        input: Input,
        fix: PathBuf,
        kernels: &'a LessonKernels,
    ) -> Self {
        Self {
            lesson,
            input,
            fix,
            kernels,
            progress: LessonProgress::default(),
            file,
            records: None,
            recorded: None,
        }
    }

    /// Takes up the progress so far, unless the lesson begins again or has other numbers now.
    pub(super) fn open(&mut self, restart: bool, records: Option<&Path>) {
        self.records = records.map(Path::to_owned);
        let kept = self.file.as_ref().map(ProgressFile::read);
        let kept = kept.and_then(|mut all| all.lessons.remove(self.lesson.name()));
        let steps = self.lesson.lesson.steps.len();
        let seed = self.lesson.seed;
        match kept {
            Some(kept) if !restart && !kept.done && kept.seed == seed && kept.steps == steps => {
                self.progress = kept;
            }
            Some(_) | None => self.progress.seed = seed,
        }
        self.progress.steps = steps;
        // The file may have been edited.
        self.progress.step = self.progress.step.min(steps);
    }

    /// Goes through the steps that are left.
    pub(super) async fn drive(&mut self, stop: watch::Receiver<bool>) -> ExitCode {
        let steps = &self.lesson.lesson.steps;
        if self.progress.step == 0 {
            self.introduce();
        } else {
            say(&format!(
                "{}\nYou were at step {} of {}. `--restart` begins again.\n\n",
                self.lesson.file.scenario.title,
                self.progress.step + 1,
                steps.len()
            ));
        }
        let mut index = self.progress.step;
        while let Some(step) = steps.get(index) {
            let flow = self.step(index, step, &stop).await;
            if flow == StepEnd::Next {
                index += 1;
            }
            self.progress.step = self.resume_at(index);
            self.progress.done = index == steps.len();
            self.save();
            match flow {
                StepEnd::Next => {}
                StepEnd::Quit => {
                    say(&format!(
                        "\nStep {} of {}. `nslab learn {}` continues here.\n",
                        index + 1,
                        steps.len(),
                        self.lesson.name()
                    ));
                    return ExitCode::SUCCESS;
                }
                StepEnd::Stopped => return exit::interrupted(),
                StepEnd::Broken(outcome) => {
                    message::help("`nslab doctor` shows what this machine allows");
                    return exit::of(outcome, true);
                }
            }
        }
        let (right, asked) = score(&self.progress);
        say(&format!(
            "The lesson ends here. {right} of {asked} answers were right"
        ));
        say(match self.progress.hints {
            0 => ".\n".to_owned(),
            1 => ", with one hint.\n".to_owned(),
            hints => format!(", with {hints} hints.\n"),
        }
        .as_str());
        ExitCode::SUCCESS
    }

    /// Returns the step that a later session begins with. Results are not kept, so a run is repeated until it has been
    /// explained.
    fn resume_at(&self, index: usize) -> usize {
        let steps = &self.lesson.lesson.steps;
        let before = &steps[..index.min(steps.len())];
        let run = before
            .iter()
            .rposition(|step| matches!(step, LessonStep::Run(_)));
        match run {
            Some(run)
                if index < steps.len()
                    && !before[run..]
                        .iter()
                        .any(|step| matches!(step, LessonStep::Reveal(_)))
                    && steps[index..]
                        .iter()
                        .any(|step| matches!(step, LessonStep::Reveal(_))) =>
            {
                run
            }
            Some(_) | None => index,
        }
    }

    fn save(&self) {
        let Some(file) = &self.file else { return };
        match file.update(self.lesson.name(), &self.progress) {
            Ok(None) => {}
            Ok(Some(note)) => message::note(note),
            Err(error) => message::warning(format!("your progress is not kept: {}", chain(&error))),
        }
    }

    fn introduce(&self) {
        let lesson = &self.lesson.lesson;
        if let Some(picture) = &lesson.picture {
            say(&format!("\n{}\n\n", printable(picture.trim_end())));
        }
        let minutes = lesson
            .minutes
            .map_or(String::new(), |minutes| format!(", {minutes} minutes"));
        say(&format!("{}{minutes}\n\n", self.lesson.file.scenario.title));
        if !lesson.goals.is_empty() {
            say("After this lesson:\n");
            for goal in &lesson.goals {
                say(paragraphs(&format!("- {goal}"), self.width()).trim_end());
                say("\n");
            }
            say("\n");
        }
        let actors = actors(self.lesson);
        for (name, explanation) in &actors {
            self.show_line(&format!("`{name}` is {explanation}."));
        }
        if !actors.is_empty() {
            say("\n");
        }
    }

    fn show_line(&self, text: &str) {
        say(paragraphs(text, self.width()).trim_end());
        say("\n");
    }

    pub(super) fn width(&self) -> Option<u16> {
        output::style_for(&std::io::stdout()).width
    }

    pub(super) fn show_text(&self, markdown: &str) {
        say(&paragraphs(markdown, self.width()));
    }

    async fn step(
        &mut self,
        index: usize,
        step: &LessonStep,
        stop: &watch::Receiver<bool>,
    ) -> StepEnd {
        match step {
            LessonStep::Say(text) => {
                self.show_text(text);
                StepEnd::Next
            }
            LessonStep::Predict(prediction) => self.predict(index, prediction, stop).await,
            LessonStep::Why(why) => self.why(index, why).await,
            LessonStep::Run(variants) => self.run(index, variants, stop).await,
            LessonStep::Reveal(text) => {
                self.explain(index, text);
                StepEnd::Next
            }
            LessonStep::Fix(fix) => self.fix(fix, stop).await,
        }
    }

    async fn predict(
        &mut self,
        index: usize,
        prediction: &Prediction,
        stop: &watch::Receiver<bool>,
    ) -> StepEnd {
        let ladder = match &prediction.form {
            PredictionForm::Packets(asked) => {
                let Some(run) = self.lesson.lesson.run_after(index) else {
                    return StepEnd::Next;
                };
                say("Recording a connection for the next question ...\n\n");
                // Progress would show what other questions ask about.
                match self.results(run, stop, false).await {
                    Ok(results) => results.drawing(asked).unwrap_or_else(|reason| reason),
                    Err(end) => return end,
                }
            }
            PredictionForm::Blanks { ladder, .. } => ladder.trim_end().to_owned(),
            _ => String::new(),
        };
        self.show_text(&prediction.ask);
        self.list_options(prediction, &ladder);
        let mut hints = prediction.hints.iter();
        loop {
            let prompt = format!("Type {}, `hint`, `skip` or `quit`\n> ", example(prediction));
            match self.input.line(&prompt, None).await {
                Typed::Stopped => return StepEnd::Stopped,
                Typed::End => return StepEnd::Quit,
                Typed::Nothing => {}
                Typed::Line(line) => match line.as_str() {
                    "quit" => return StepEnd::Quit,
                    "skip" => {
                        say("\n");
                        return StepEnd::Next;
                    }
                    "hint" => self.hint(&mut hints),
                    "" => {}
                    text => match Guess::parse(text, prediction) {
                        Ok(guess) => {
                            self.progress.guesses.insert(prediction.name.clone(), guess);
                            say("\n");
                            return StepEnd::Next;
                        }
                        Err(error) => say(&format!("{error}\n")),
                    },
                },
            }
        }
    }

    fn list_options(&self, prediction: &Prediction, ladder: &str) {
        let texts: Vec<String> = match &prediction.form {
            PredictionForm::Number { .. } | PredictionForm::Curve { .. } => return,
            PredictionForm::Choice(_) | PredictionForm::Since { .. } => {
                prediction.form.statements()
            }
            PredictionForm::Rises(counters) => counters.iter().map(|c| c.text.clone()).collect(),
            PredictionForm::Blanks { .. } | PredictionForm::Packets(_) => {
                say(&format!("{}\n\n", printable(ladder)));
                for blank in prediction.form.blanks() {
                    let options = ('a'..='z').zip(blank.options);
                    // A letter and its text stay on one line.
                    let options: Vec<String> = options
                        .map(|(letter, text)| format!("{letter})\u{a0}{}", printable(text)))
                        .collect();
                    let line = format!("- ({}) {}", blank.name, options.join(" "));
                    say(&paragraphs(&line, self.width())
                        .trim_end()
                        .replace('\u{a0}', " "));
                    say("\n");
                }
                say("\n");
                return;
            }
        };
        for (letter, text) in ('a'..='z').zip(texts) {
            let wrapped = paragraphs(
                text.trim(),
                self.width().map(|width| width.saturating_sub(5)),
            );
            say(&format!(
                "  {letter}  {}\n",
                wrapped.trim_end().replace('\n', "\n     ")
            ));
        }
        say("\n");
    }

    pub(super) fn hint<'h>(&mut self, hints: &mut impl Iterator<Item = &'h String>) {
        match hints.next() {
            Some(hint) => {
                self.progress.hints += 1;
                self.show_text(hint);
            }
            None => say("No more hints.\n"),
        }
    }

    async fn why(&mut self, index: usize, why: &WhyStep) -> StepEnd {
        self.show_text(&why.ask);
        let mut hints = why.hints.iter();
        loop {
            let prompt =
                "A sentence in your own words; it is not graded. `hint`, `skip` or `quit`\n> ";
            match self.input.line(prompt, None).await {
                Typed::Stopped => return StepEnd::Stopped,
                Typed::End => return StepEnd::Quit,
                Typed::Nothing => {}
                Typed::Line(line) => match line.as_str() {
                    "quit" => return StepEnd::Quit,
                    "skip" => return StepEnd::Next,
                    "hint" => self.hint(&mut hints),
                    "" => {}
                    text => {
                        self.progress.whys.insert(index, text.to_owned());
                        say("\n");
                        return StepEnd::Next;
                    }
                },
            }
        }
    }

    async fn run(
        &mut self,
        index: usize,
        variants: &[Option<String>],
        stop: &watch::Receiver<bool>,
    ) -> StepEnd {
        let names: Vec<&str> = variants.iter().flatten().map(String::as_str).collect();
        let which = if names.is_empty() {
            String::new()
        } else {
            format!(" {}", names.join(" and "))
        };
        say(&format!("Running{which} ...\n\n"));
        let live = self.input.is_terminal;
        let results = match self.results(index, stop, live).await {
            Ok(results) => results,
            Err(end) => return end,
        };
        if let Some(problem) = results.problem() {
            message::error(format!("this run answers nothing: {problem}"));
            let outcomes = results.runs.iter().map(|(_, run)| run.verdict.outcome);
            return StepEnd::Broken(outcomes.max().unwrap_or(Outcome::Errored));
        }
        self.show_gaps(index, &results);
        let surprises = results.surprises();
        if !surprises.is_empty() {
            say("On this kernel, something is different from what the lesson says:\n");
            for text in surprises {
                say(&format!("  {text} does not hold\n"));
            }
            say("\n");
        }
        self.show_records();
        StepEnd::Next
    }

    /// Returns the results of a run step. A question that shows packets has made the runs already.
    async fn results(
        &mut self,
        run: usize,
        stop: &watch::Receiver<bool>,
        live: bool,
    ) -> Result<LessonResults, StepEnd> {
        if let Some((_, results)) = self.recorded.iter().find(|(known, _)| *known == run) {
            return Ok(results.clone());
        }
        let setup = TrialSetup {
            options: &self.kernels.options,
            older: &self.kernels.older,
            stop: stop.clone(),
        };
        let variants = self.lesson.lesson.variants_of(run);
        let mut live = LiveProgress::new(live);
        let results = run_variants(self.lesson, variants, &setup, |event| live.show(&event)).await;
        let results = results.ok_or(StepEnd::Stopped)?;
        self.recorded = Some((run, results.clone()));
        Ok(results)
    }

    /// Shows the measurement over each prediction that this run answers.
    fn show_gaps(&mut self, run: usize, results: &LessonResults) {
        for (_, prediction) in self.lesson.lesson.answered_by(run) {
            self.show_line(&question_of(&prediction.ask));
            if let Some(ladder) = results.complete_drawing(prediction) {
                say(&format!("\n{}\n\n", printable(&ladder)));
            }
            match results.answer(prediction) {
                Ok(finding) => {
                    let guess = self.progress.guesses.get(&prediction.name);
                    let gap = gap(prediction, guess, &finding);
                    for line in &gap.lines {
                        for line in paragraphs_of(line, self.width()).lines() {
                            say(&format!("  {line}\n"));
                        }
                    }
                    self.show_evidence(prediction, results);
                    let result = (gap.right, gap.of);
                    self.progress
                        .results
                        .insert(prediction.name.clone(), result);
                }
                Err(reason) => say(&format!("  This run does not answer it: {reason}\n")),
            }
            say("\n");
        }
    }

    /// Shows the measured quantities behind an answer, and what each kernel answers.
    fn show_evidence(&self, prediction: &Prediction, results: &LessonResults) {
        let measured = results.measured(prediction);
        if !measured.is_empty() {
            let line = format!("Measured: {}.", measured.join(", "));
            for line in paragraphs_of(&line, self.width()).lines() {
                say(&format!("  {}\n", printable(line)));
            }
        }
        let kernels = results.by_kernel(prediction, &self.lesson.kernels);
        for answer in &kernels {
            let line = format!("On {}: {}", answer.kernel, answer.text);
            for line in paragraphs_of(&line, self.width()).lines() {
                say(&format!("  {}\n", printable(line)));
            }
        }
        if kernels.len() > 1 && kernels.iter().all(|answer| answer.text == kernels[0].text) {
            say("  All kernels agree.\n");
        }
    }

    fn show_records(&self) {
        let Some(records) = &self.records else { return };
        let folder = records.display();
        say(&format!(
            "To look closer: nslab report {folder} --report html=lesson.html\n\
             The packets of a connection: nslab report {folder} --ladder {}\n\n",
            self.first_client()
        ));
    }

    fn first_client(&self) -> String {
        let runs = self.lesson.file.scenario.runs.iter();
        let mut clients = runs.flat_map(|run| &run.workload.clients);
        clients
            .next()
            .map_or_else(|| "CLIENT".to_owned(), |client| client.name.to_string())
    }

    /// Shows the author's answers to the questions before it, and the explanation.
    fn explain(&self, index: usize, text: &str) {
        for (number, why) in self.lesson.lesson.whys_before(index) {
            if let Some(yours) = self.progress.whys.get(&number) {
                self.show_text(&format!("You wrote: {yours}"));
            }
            if let Some(answer) = &why.answer {
                self.show_text(answer);
            }
        }
        self.show_text(text);
    }
}
