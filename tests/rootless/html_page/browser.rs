//! The page in a real browser: no errors, charts that can be read out, labels that do not overlap.
//!
//! A copy of the page gets one more script (`probe.js`), which the copy's policy allows beside the page's own. It acts
//! like a reader and leaves its observations in the document, which the browser then prints.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use serde_json::Value;

use nslab::report::html::{self, Ladders, Views};

use crate::html_page::{ladders, pictures, shipped, weight};
use crate::reports::outside::absent;

/// Names under which Debian, Ubuntu, Fedora and Google install Chromium.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
/// Time limit for a browser to print the page.
const PATIENCE: Duration = Duration::from_secs(120);

/// Browsers are large, so only one runs at a time.
static TURN: Mutex<()> = Mutex::new(());

const PROBE: &str = include_str!("probe.js");
const VIEW_PROBE: &str = include_str!("view_probe.js");
const EFFECTS_PROBE: &str = include_str!("effects_probe.js");
const LESSON_PROBE: &str = include_str!("lesson_probe.js");
/// Milliseconds of the browser's virtual time in which the scripts of a page do everything.
const BUDGET: &str = "--virtual-time-budget=20000";

#[test]
fn a_browser_shows_the_page_without_complaint_and_reads_values_off_its_charts() {
    let page = html::render(
        &shipped::suite_of_all_kinds(),
        &Ladders::default(),
        &Views::default(),
    );
    let Some(seen) = look_at("report", &page) else {
        return;
    };
    assert_eq!(
        seen["charts"],
        page.matches("<figure class=\"chart\"").count()
    );
    assert_eq!(seen["charts_without_height"], 0);
    let first = &seen["first"];
    assert_eq!(first["before"], false, "no tooltip before anyone looks");
    let pointed = first["pointed"].as_str().unwrap();
    assert!(pointed.starts_with("9 s"), "{pointed}");
    assert!(pointed.contains("established 900"), "{pointed}");
    let end = first["end"].as_str().unwrap();
    assert!(end.starts_with("18 s"), "{end}");
    assert!(end.contains("errors.EADDRNOTAVAIL 800"), "{end}");
    assert!(end.contains("established 1,000"), "{end}");
    assert!(first["home"].as_str().unwrap().starts_with("0 s"));
    assert!(first["right"].as_str().unwrap().starts_with("180 ms"));
    assert_eq!(first["escaped"], true, "Escape hides it");
    assert_eq!(first["left"], true, "so does the pointer when it leaves");
    // The layers of a stack are read as their own values, not as the heights of their edges.
    let stack = seen["stack"].as_str().unwrap();
    assert!(stack.contains("SYN_SENT 100"), "{stack}");
    assert!(stack.contains("TIME_WAIT 200"), "{stack}");
    // An axis that does not begin at zero is read like any other.
    let table = seen["table"].as_str().unwrap();
    assert!(table.contains("entries 262,144"), "{table}");
    assert!(table.contains("limit 262,144"), "{table}");
    let (light, dark) = (&seen["light"], &seen["dark"]);
    assert_ne!(light, dark, "the choice of colours is obeyed");
    assert_eq!(seen["overlaps"], Value::Array(Vec::new()));
    assert_eq!(seen["outside"], Value::Array(Vec::new()));
}

#[test]
fn a_browser_opens_a_large_page_as_well() {
    let page = html::render(
        &weight::large_suite(4),
        &Ladders::default(),
        &Views::default(),
    );
    let Some(seen) = look_at("large", &page) else {
        return;
    };
    assert_eq!(
        seen["charts"],
        page.matches("<figure class=\"chart\"").count()
    );
    assert_eq!(seen["overlaps"], Value::Array(Vec::new()));
    assert_eq!(seen["outside"], Value::Array(Vec::new()));
}

/// Returns what the probe sees on the page of a view.
pub(super) fn look_at_view(name: &str, page: &str) -> Option<Value> {
    look_with(name, page, VIEW_PROBE)
}

/// Returns what the probe sees while it takes the lesson of a page.
pub(super) fn look_at_lesson(name: &str, page: &str) -> Option<Value> {
    look_with(name, page, LESSON_PROBE)
}

/// Returns what a screen reader announces at each stop of the keys.
pub(super) fn look_at_effects(name: &str, page: &str) -> Option<Value> {
    look_with(name, page, EFFECTS_PROBE)
}

/// Returns the probe's observations; `None`, with the reason on standard output, without a browser.
fn look_at(name: &str, page: &str) -> Option<Value> {
    look_with(name, page, PROBE)
}

fn look_with(name: &str, page: &str, probe: &str) -> Option<Value> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // For people.
    std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
    let Some(browser) = browser() else {
        absent(&format!("a browser ({})", BROWSERS.join(", ")));
        return None;
    };
    let probed = page
        .replacen("script-src ", "script-src 'nonce-probe' ", 1)
        .replacen(
            "</body>",
            &format!("<script nonce=\"probe\">{probe}</script></body>"),
            1,
        );
    let path = folder.join(format!("{name}-probed.html"));
    std::fs::write(&path, probed).unwrap();
    let (document, messages) = print_document(&browser, &path);
    let complaints: Vec<&str> = messages
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let seen = document
        .split_once("<pre id=\"probe\">")
        .unwrap_or_else(|| panic!("the probe left nothing:\n{messages}"))
        .1;
    let seen = seen.split_once("</pre>").unwrap().0;
    let seen = seen
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    Some(serde_json::from_str(&seen).unwrap())
}

/// Returns the document after all scripts have run, and the browser's log.
fn print_document(browser: &Path, page: &Path) -> (String, String) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let profile = tempfile::tempdir().unwrap();
    let child = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            "--v=0",
            "--window-size=1280,2000",
            BUDGET,
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(PATIENCE) else {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        panic!("{} printed nothing within {PATIENCE:?}", browser.display());
    };
    let output = output.unwrap();
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .flat_map(|folder| BROWSERS.map(|name| folder.join(name)))
        .find(|candidate| candidate.is_file())
}

#[test]
fn packets_are_readable() {
    let page = ladders::page(&ladders::captured(), None);
    let Some(seen) = look_at("packets", &page) else {
        return;
    };
    assert_eq!(seen["overlaps"], Value::Array(Vec::new()));
    assert_eq!(seen["outside"], Value::Array(Vec::new()));
    assert!(seen["light"] != seen["dark"]);
}

#[test]
fn topologies_of_any_size_are_readable() {
    let page = html::render(
        &pictures::suite_of_topologies(),
        &Ladders::default(),
        &Views::default(),
    );
    let Some(seen) = look_at("topologies", &page) else {
        return;
    };
    assert_eq!(seen["overlaps"], Value::Array(Vec::new()));
    assert_eq!(seen["outside"], Value::Array(Vec::new()));
}
