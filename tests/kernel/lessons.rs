//! Lessons on this kernel: a class is graded, a killed lesson leaves nothing and goes on, and no file of a student
//! contains an answer.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nslab::backend::{Backend, HostBackend};
use nslab::learn::{Finding, GridRuns, LessonFile, TrialSetup, find, page, run_lessons};
use nslab::scenario::lesson::{LessonStep, PredictionForm};
use nslab::suite::{Options, Records};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::killing::gone;
use crate::program::{command, scratch, transcript};

/// The lesson of the class: its runs are the shortest.
const LESSON: &str = "who-closes";
/// Different numbers in the class; students share them.
const SEEDS: u64 = 3;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "a_class_of_thirty_is_graded_and_two_forgeries_are_refused",
            a_class_of_thirty_is_graded_and_two_forgeries_are_refused,
        ),
        Trial::test(
            "a_lesson_killed_in_a_run_leaves_nothing_and_goes_on",
            a_lesson_killed_in_a_run_leaves_nothing_and_goes_on,
        ),
        Trial::test(
            "no_file_of_a_student_contains_a_measured_answer",
            no_file_of_a_student_contains_a_measured_answer,
        ),
    ]
}

/// The open data of a page, as a student's browser has it.
fn open_data(page: &str) -> serde_json::Value {
    let start = "<script type=\"application/json\" id=\"data\">";
    let data = page.split(start).nth(1).unwrap();
    serde_json::from_str(data.split("</script>").next().unwrap()).unwrap()
}

/// Returns an answers file as the page saves it.
fn sheet(data: &serde_json::Value, student: usize, answers: &serde_json::Value) -> String {
    let mut body = serde_json::json!({
        "lesson": data["lesson"], "seed": data["seed"], "kernels": data["kernels"],
        "identity": data["identity"], "sheet": format!("{student:024}"), "name": format!("student {student}"),
    });
    let fields = body.as_object_mut().unwrap();
    fields.extend(answers.as_object().unwrap().clone());
    let body = body.to_string();
    let key = data["sealing"].as_str().unwrap();
    let digest = Sha256::digest(format!("{key}\n{body}\n{key}"));
    let seal = digest.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    });
    serde_json::json!({ "format": 1, "body": body, "seal": seal }).to_string()
}

fn lesson_of(seed: u64) -> LessonFile {
    let lesson = find(LESSON, &Default::default()).unwrap();
    lesson.with_seed(seed).unwrap()
}

fn without_runs() -> GridRuns {
    GridRuns {
        own: Default::default(),
        cells: Vec::new(),
    }
}

fn a_class_of_thirty_is_graded_and_two_forgeries_are_refused() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let answers = folder.path().join("answers");
    fs::create_dir(&answers)?;
    let pages: Vec<(String, serde_json::Value)> = (1..=SEEDS)
        .map(|seed| {
            let lesson = lesson_of(seed);
            let data = open_data(&page::page(&lesson, &without_runs(), None));
            (lesson.file.set["count"].clone(), data)
        })
        .collect();
    let fix = lesson_of(1)
        .lesson
        .steps
        .iter()
        .position(|step| matches!(step, LessonStep::Fix(_)));
    let fix = fix.unwrap().to_string();
    for student in 1..=30 {
        let (count, data) = &pages[student % pages.len()];
        let count: f64 = count.parse()?;
        // Student 3 has a solution that looks right: the server keeps nothing, but by resets.
        let close = if student == 3 { "reset" } else { "client" };
        let right = serde_json::json!({
            "guesses": {
                "client": { "number": count }, "server": { "number": 0 }, "moved": { "choice": 1 },
                "reset": { "number": 0 }, "ladder": { "blanks": [5, 9, 9] },
            },
            "fixes": { &fix: { "clients.load.connect.close": close, "servers.web.close": "after-client" } },
        });
        let mut text = match student {
            // Predictions of somebody who has not understood it yet.
            4 => {
                let wrong = serde_json::json!({
                    "guesses": {
                        "client": { "number": 0 }, "moved": { "choice": 0 }, "ladder": { "blanks": [4, 9, 5] },
                    },
                });
                sheet(data, student, &wrong)
            }
            _ => sheet(data, student, &right),
        };
        // Two forgeries: a file that was edited after it was saved, and one that claims another student's numbers.
        if student == 1 {
            let edited = text.replace("student 1", "student 9");
            assert_ne!(text, edited);
            text = edited;
        }
        if student == 2 {
            let mut other = data.clone();
            other["seed"] = serde_json::json!(29);
            text = sheet(&other, student, &right);
        }
        fs::write(answers.join(format!("student-{student:02}.json")), text)?;
    }
    let output = command()
        .current_dir(folder.path())
        .args(["lesson", "grade", "answers", "--no-progress"])
        .args([
            "--csv",
            "class.csv",
            "--junit",
            "class.xml",
            "--html",
            "class.html",
        ])
        .output()?;
    let shown = transcript(&output);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert_eq!(shown.matches("refused  ").count(), 2, "{shown}");
    assert!(
        shown.contains("student-01.json: it was changed after the page saved it"),
        "{shown}"
    );
    assert!(
        shown.contains("student-02.json: it was made for another version"),
        "{shown}"
    );
    assert_eq!(shown.matches(" 8 of 8  ").count(), 26, "{shown}");
    assert!(shown.contains(" 7 of 8  student 3 "), "{shown}");
    // The state of the client after the reset is right.
    assert!(shown.contains(" 1 of 8  student 4 "), "{shown}");
    // Three variants and two different fixes at most for each of the different numbers, whatever the size of the class.
    let runs = shown
        .lines()
        .find_map(|line| line.strip_suffix(" runs"))
        .unwrap();
    // A busy machine repeats some.
    let least = 3 * SEEDS + SEEDS + 1;
    assert!((least..=3 * least).contains(&runs.parse()?), "{shown}");
    let csv = fs::read_to_string(folder.path().join("class.csv"))?;
    let looks_right = csv
        .lines()
        .find(|line| line.starts_with("student 3,") && line.contains("fix-"));
    let looks_right = looks_right.unwrap();
    assert!(
        looks_right.contains("does not hold: client.tcp.TIME_WAIT == "),
        "{looks_right}"
    );
    assert_eq!(csv.lines().count(), 1 + 28 * 6 + 2, "{csv}");
    let picture = fs::read_to_string(folder.path().join("class.html"))?;
    assert!(!picture.contains("student "), "the picture has no names");
    assert!(picture.contains("26 right"), "{picture}");
    Ok(())
}

/// Starts a lesson whose first run lasts four seconds, and answers what it asks before.
fn begin(folder: &Path) -> Result<(Child, BufReader<std::process::ChildStdout>), Failed> {
    let mut child = command()
        .current_dir(folder)
        .args(["learn", "half-open", "--progress", "learn.json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().unwrap();
    Ok((child, BufReader::new(stdout)))
}

fn until(lines: &mut impl BufRead, wanted: &str) -> Result<(), Failed> {
    let mut seen = String::new();
    while !seen.ends_with(wanted) {
        let mut byte = [0];
        if lines.read(&mut byte)? == 0 {
            return Err(format!("the lesson ended before it showed {wanted}:\n{seen}").into());
        }
        seen.push(char::from(byte[0]));
    }
    Ok(())
}

fn a_lesson_killed_in_a_run_leaves_nothing_and_goes_on() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let (mut child, mut shown) = begin(folder.path())?;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"20\nnone\n")?;
    until(&mut shown, "Running without ...")?;
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL)?;
    child.wait()?;
    gone()?;
    let left: Vec<_> = fs::read_dir(folder.path())?
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| name.to_string_lossy().starts_with("learn.")),
        "only the progress is left: {left:?}"
    );
    // It goes on with the run, with both answers.
    let (mut child, mut shown) = begin(folder.path())?;
    until(&mut shown, "You were at step 4 of ")?;
    until(&mut shown, "Right: 20.")?;
    until(
        &mut shown,
        "Right: server.TcpExtTCPKeepAlive does not rise.",
    )?;
    drop(child.stdin.take());
    assert_eq!(child.wait()?.code(), Some(0));
    Ok(())
}

/// Runs the lessons that have all forms of questions: only with real answers can a file contain one. A test of the
/// library looks for the texts of all lessons.
fn no_file_of_a_student_contains_a_measured_answer() -> Result<(), Failed> {
    let lessons = ["who-closes", "timewait-arithmetic"];
    let lessons = lessons.map(|name| find(name, &Default::default()).unwrap());
    let options = Options {
        backend: Backend::Host(HostBackend::with_program(env!("CARGO_BIN_EXE_nslab"))),
        records: Records::None,
        retries: 2,
        ..Options::default()
    };
    let (_stop, stopped) = watch::channel(false);
    let setup = TrialSetup {
        options: &options,
        older: &[],
        stop: stopped,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let runs = runtime
        .block_on(run_lessons(&lessons, &setup, |_| {}))
        .unwrap();
    let mut answered = 0;
    for (lesson, own) in lessons.iter().zip(runs) {
        let name = lesson.name();
        let runs = GridRuns {
            own,
            cells: Vec::new(),
        };
        let open = page::page(lesson, &runs, None);
        let coded = page::page(lesson, &runs, Some("word"));
        let handout = page::handout(lesson, Some(&runs));
        let files = [&open, &coded, &handout, &lesson.file.text].map(|text| plain(text));
        for (_, run, prediction) in lesson.lesson.predictions() {
            let results = runs.own.of(lesson.lesson.variants_of(run));
            let finding = results.answer(prediction)?;
            answered += 1;
            let mut secrets = results.measured(prediction);
            secrets.extend(results.complete_drawing(prediction));
            if let (Finding::Blanks(truths), PredictionForm::Packets(_)) =
                (&finding, &prediction.form)
            {
                // The hidden texts are not beside their blanks.
                let drawing = results.complete_drawing(prediction).unwrap();
                let last = drawing.lines().rev().nth(1).unwrap();
                assert!(last.contains("RST"), "{truths:?} {drawing}");
                secrets.push(last.to_owned());
            }
            for secret in secrets.iter().map(|secret| plain(secret)) {
                for file in &files {
                    assert!(
                        !file.contains(&secret),
                        "{name}, {}: {secret}",
                        prediction.name
                    );
                }
            }
        }
        // Explanations, notes and solutions: their words in a row, whatever the markup between them.
        for secret in explanations(lesson).iter().map(|text| plain(text)) {
            for file in &files {
                assert!(!file.contains(&secret), "{name}: {secret}");
            }
        }
        for secret in solutions(lesson) {
            for file in &files[..3] {
                assert!(!file.contains(&secret), "{name}: {secret}");
            }
        }
        let fixes = lesson.full_text().matches("solution:").count();
        assert_eq!(
            plain(&lesson.file.text).matches("solution: ~").count(),
            fixes,
            "{name}"
        );
        // A field that belongs to the sealed part.
        let data = open_data(&open);
        for step in data["steps"].as_array().unwrap() {
            for field in [
                "number", "choice", "curve", "rises", "measured", "notes", "answer",
            ] {
                assert!(step.get(field).is_none(), "{name}: {field} in {step}");
            }
        }
    }
    assert!(answered > 7, "{answered}");
    Ok(())
}

fn explanations(lesson: &LessonFile) -> Vec<String> {
    let mut texts = Vec::new();
    for step in &lesson.lesson.steps {
        match step {
            LessonStep::Reveal(text) => texts.push(text.clone()),
            LessonStep::Why(why) => texts.extend(why.answer.clone()),
            LessonStep::Predict(prediction) => {
                let options = prediction.form.options().into_iter();
                texts.extend(options.filter_map(|option| option.note.clone()));
            }
            LessonStep::Fix(_) | LessonStep::Say(_) | LessonStep::Run(_) => {}
        }
    }
    texts
}

/// Returns the values of solutions that differ from the start, with their keys: a number alone is everywhere.
fn solutions(lesson: &LessonFile) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &lesson.lesson.steps {
        if let LessonStep::Fix(fix) = step {
            let start: Vec<&String> = fix.start.iter().map(|value| &value.value).collect();
            let changed = fix
                .solution
                .iter()
                .filter(|value| !start.contains(&&value.value));
            lines.extend(changed.map(|v| format!("{}: {}", v.path.last().unwrap(), v.value)));
        }
    }
    lines
}

/// Leaves the words of a text: no tags, no Markdown, no entities, one space between words.
fn plain(text: &str) -> String {
    let text = text
        .replace("\\u003c", "<")
        .replace("\\\"", "\"")
        .replace("\\n", " ");
    let mut words = String::new();
    let mut in_tag = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let opens = letters
            .peek()
            .is_some_and(|next| next.is_ascii_alphabetic() || *next == '/');
        match letter {
            '<' if opens => in_tag = true,
            '>' if in_tag => in_tag = false,
            '`' | '*' => {}
            letter if !in_tag => words.push(letter),
            _ => {}
        }
    }
    let words = words
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
        .replace("&gt;", ">");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
