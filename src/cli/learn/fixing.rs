//! A `fix` step: the student edits a file, and each time it is saved the lab runs again.

use std::fs;
use std::io;
use std::time::Duration;

use tokio::sync::watch;

use super::super::message;
use super::super::progress::Progress as LiveProgress;
use super::input::Typed;
use super::say;
use super::session::{Session, StepEnd};
use crate::input_file;
use crate::learn::{TrialSetup, run_fix};
use crate::record::Outcome;
use crate::scenario::lesson::{FixStep, FixValue};
use crate::scenario::{fix_file, fixed_run};

/// Interval between two looks at the file. A change is seen within a quarter of a second, on any file system.
const LOOK: Duration = Duration::from_millis(250);
/// The largest file that is read, bytes: hundreds of times a long one.
const LARGEST: u64 = 64 * 1024;

impl Session<'_> {
    pub(super) async fn fix(&mut self, step: &FixStep, stop: &watch::Receiver<bool>) -> StepEnd {
        self.show_text(&step.ask);
        if let Err(error) = self.write_start(step) {
            message::error(format!("cannot write {}: {error}", self.fix.display()));
            message::help("choose another file with --fix FILE");
            return StepEnd::Broken(Outcome::Errored);
        }
        say("These must hold:\n");
        for expectation in &step.expect {
            say(&format!("  {}\n", expectation.text));
        }
        say(&format!("\nThe values are in {}:\n\n", self.fix.display()));
        say(&format!("{}\n", indented(&self.read().unwrap_or_default())));
        let mut judged = self.read().ok();
        let mut hints = step.hints.iter();
        let mut prompt = prompt(step, self.input.is_terminal);
        loop {
            // A pipe has no editor beside it.
            let limit = self.input.is_terminal.then_some(LOOK);
            match self.input.line(&prompt, limit).await {
                Typed::Stopped => return StepEnd::Stopped,
                Typed::End => return StepEnd::Quit,
                Typed::Nothing => {
                    prompt.clear();
                    let now = self.read().ok();
                    if now.is_none() || now == judged {
                        continue;
                    }
                    judged = now;
                    say("\n");
                }
                Typed::Line(line) => {
                    prompt = self::prompt(step, self.input.is_terminal);
                    match line.as_str() {
                        "quit" => return StepEnd::Quit,
                        "skip" => return StepEnd::Next,
                        "hint" => {
                            self.hint(&mut hints);
                            continue;
                        }
                        "solution" => {
                            Self::show_solution(step);
                            return StepEnd::Next;
                        }
                        "" | "run" => {}
                        text => {
                            if !self.set_value(step, text) {
                                continue;
                            }
                        }
                    }
                    judged = self.read().ok();
                }
            }
            match self.judge(step, stop).await {
                Ok(true) => {
                    say("All of them hold.\n\n");
                    return StepEnd::Next;
                }
                Ok(false) => prompt = self::prompt(step, self.input.is_terminal),
                Err(flow) => return flow,
            }
        }
    }

    /// Writes the values at the start, unless the student has a file already.
    fn write_start(&self, step: &FixStep) -> io::Result<()> {
        let begin = format!(
            "# Change these values, and save the file. The lesson runs it each time.\n{}",
            fix_file(&step.start)
        );
        let made = fs::File::options()
            .write(true)
            .create_new(true)
            .open(&self.fix);
        match made {
            Ok(mut file) => io::Write::write_all(&mut file, begin.as_bytes()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // A file of an earlier fix has other keys.
                let text = self.read()?;
                let known = fixed_run(
                    self.lesson.full_text(),
                    &self.lesson.file.set,
                    step,
                    ("", &text),
                );
                match known {
                    Ok(_) => Ok(()),
                    Err(_) => {
                        let aside = self.fix.with_extension("old.yaml");
                        fs::rename(&self.fix, &aside)?;
                        message::note(format!(
                            "{} has other values; it is kept as {}",
                            self.fix.display(),
                            aside.display()
                        ));
                        fs::write(&self.fix, begin)
                    }
                }
            }
            Err(error) => Err(error),
        }
    }

    fn read(&self) -> io::Result<String> {
        input_file::read_text(&self.fix, LARGEST)
    }

    /// Sets one value: `servers.web.backlog = 30`.
    fn set_value(&self, step: &FixStep, text: &str) -> bool {
        let Some((path, value)) = text.split_once('=') else {
            say("Type `run`, `hint`, `solution`, `skip`, `quit`, or a value like KEY = VALUE.\n");
            return false;
        };
        let path = path.trim();
        let Some(known) = step.start.iter().find(|known| name_of(known) == path) else {
            say(&format!("`{path}` may not be changed. These may:\n"));
            for known in &step.start {
                say(&format!("  {}\n", name_of(known)));
            }
            return false;
        };
        // The other values stay as the student has them.
        let mut values = step.start.clone();
        if let Ok(mine) = self.read() {
            let current = crate::scenario::fix_values(&mine);
            for value in &mut values {
                if let Some(now) = current.iter().find(|now| now.path == value.path) {
                    value.value.clone_from(&now.value);
                }
            }
        }
        for entry in &mut values {
            if entry.path == known.path {
                value.trim().clone_into(&mut entry.value);
            }
        }
        match fs::write(&self.fix, fix_file(&values)) {
            Ok(()) => true,
            Err(error) => {
                message::error(format!("cannot write {}: {error}", self.fix.display()));
                false
            }
        }
    }

    /// Runs the student's values. Returns true if all expectations hold.
    async fn judge(&self, step: &FixStep, stop: &watch::Receiver<bool>) -> Result<bool, StepEnd> {
        let label = self.fix.display().to_string();
        let text = match self.read() {
            Ok(text) => text,
            Err(error) => {
                message::error(format!("cannot read {label}: {error}"));
                return Ok(false);
            }
        };
        let spec = fixed_run(
            self.lesson.full_text(),
            &self.lesson.file.set,
            step,
            (&label, &text),
        );
        let spec = match spec {
            Ok(spec) => spec,
            Err(problems) => {
                message::problems(&problems);
                return Ok(false);
            }
        };
        let setup = TrialSetup {
            options: &self.kernels.options,
            older: &[],
            stop: stop.clone(),
        };
        let mut live = LiveProgress::new(self.input.is_terminal);
        let result = run_fix(self.lesson, spec, &setup, |event| live.show(&event)).await;
        let Some(result) = result else {
            return Err(StepEnd::Stopped);
        };
        let verdict = &result.verdict;
        match verdict.outcome {
            Outcome::Passed | Outcome::Flaky | Outcome::Failed => {}
            outcome @ (Outcome::Skipped
            | Outcome::NotApplicable
            | Outcome::Inconclusive
            | Outcome::Errored) => {
                let reason = verdict.reason.clone().unwrap_or_default();
                self.show_text(&format!("{outcome}, so the fix is not judged: {reason}"));
                return Ok(false);
            }
        }
        for verdict in &verdict.verdicts {
            let mark = if verdict.outcome == Outcome::Passed {
                "✓"
            } else {
                "✗"
            };
            let observed: Vec<String> = verdict
                .observed
                .iter()
                .map(|seen| format!("{} = {}", seen.quantity, seen.value))
                .collect();
            say(&format!(
                "  {mark} {}  [{}]\n",
                verdict.text,
                observed.join(", ")
            ));
        }
        say("\n");
        Ok(verdict.outcome != Outcome::Failed)
    }

    fn show_solution(step: &FixStep) {
        if step.solution.is_empty() {
            say("This lesson has no solution to show.\n\n");
        } else {
            say(&format!("\n{}\n", indented(&fix_file(&step.solution))));
        }
    }
}

fn name_of(value: &FixValue) -> String {
    value.path.join(".")
}

fn prompt(step: &FixStep, is_terminal: bool) -> String {
    let solution = if step.solution.is_empty() {
        ""
    } else {
        "`solution`, "
    };
    let begin = if is_terminal {
        "Save the file"
    } else {
        "`run`"
    };
    format!("{begin}, or type KEY = VALUE, `hint`, {solution}`skip` or `quit`\n> ")
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("    {line}\n"));
    lines.collect()
}
