//! The view of `nslab run --watch` gives the terminal back, however it ends.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::tcgetattr;
use nix::unistd::Pid;

use crate::program::{command, scratch, transcript};

/// Lasts long enough to be watched, and ends by itself after a while.
///
/// ```text
/// client ---- server :80
/// ```
const WATCHED: &str = "
name: watched
nodes: { client: {}, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: 10/s, for: 4s } } }
expect: [ load.failed == 0 ]
";
/// ratatui enters the alternate screen and leaves it (xterm, `1049`).
const ENTERS: &[u8] = b"\x1b[?1049h";
const LEAVES: &[u8] = b"\x1b[?1049l";
/// The longest time for a picture, or for the end, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

type Ending = fn(&Child, &mut File) -> std::io::Result<()>;

pub(crate) fn trials() -> Vec<Trial> {
    let endings: [(&str, Ending); 4] = [
        ("its_run_ends", |_, _| Ok(())),
        ("the_user_leaves_it", |_, keys| keys.write_all(b"q")),
        ("the_user_stops_it", |_, keys| keys.write_all(b"\x03")),
        ("it_is_terminated", |child, _| {
            let id = i32::try_from(child.id()).map_err(std::io::Error::other)?;
            Ok(kill(Pid::from_raw(id), Signal::SIGTERM)?)
        }),
    ];
    let restored = endings.map(|(how, end)| {
        let name = format!("a_view_gives_the_terminal_back_when_{how}");
        Trial::test(name, move || gives_back(end))
    });
    let refused = Trial::test("a_view_without_a_terminal_is_refused", || {
        let output = command().args(["run", "--watch", "exhaustion"]).output()?;
        let text = transcript(&output);
        if output.status.code() == Some(2) && text.contains("--watch needs a terminal") {
            return Ok(());
        }
        Err(text.into())
    });
    restored.into_iter().chain([refused]).collect()
}

fn gives_back(end: Ending) -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let file = folder.path().join("watched.yaml");
    std::fs::write(&file, WATCHED)?;
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let terminal = openpty(&size, None)?;
    let before = tcgetattr(&terminal.slave)?;
    let side = || -> std::io::Result<Stdio> { Ok(terminal.slave.try_clone()?.into()) };
    let mut child = command()
        .env("TERM", "xterm")
        .args(["run", "--watch", "--no-record", "--retries", "0"])
        .arg(&file)
        .stdin(side()?)
        .stdout(side()?)
        .stderr(side()?)
        .spawn()?;
    let mut keys = File::from(terminal.master.try_clone()?);
    let (pictures, shown) = std::sync::mpsc::channel();
    std::thread::spawn(move || read_all(terminal.master, &pictures));
    let mut text = Vec::new();
    let began = Instant::now();
    while !contains(&text, b"load.failed") {
        if began.elapsed() > PATIENCE {
            child.kill()?;
            return Err(format!("no picture: {}", String::from_utf8_lossy(&text)).into());
        }
        text.extend(shown.recv_timeout(PATIENCE)?);
    }
    end(&child, &mut keys)?;
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > PATIENCE {
            child.kill()?;
            return Err("the run did not end".into());
        }
        if let Ok(more) = shown.recv_timeout(Duration::from_millis(100)) {
            text.extend(more);
        }
    }
    while let Ok(more) = shown.recv_timeout(Duration::from_millis(200)) {
        text.extend(more);
    }
    let is_restored = tcgetattr(&terminal.slave)? == before;
    let last = |part: &[u8]| text.windows(part.len()).rposition(|window| window == part);
    if is_restored && last(ENTERS) < last(LEAVES) && last(ENTERS).is_some() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&text);
    Err(format!("restored: {is_restored}\n{}", text.escape_debug()).into())
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Reads until the last writer has gone.
fn read_all(terminal: OwnedFd, parts: &std::sync::mpsc::Sender<Vec<u8>>) {
    let mut terminal = File::from(terminal);
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = terminal.read(&mut part) {
        if parts.send(part[..length].to_vec()).is_err() {
            return;
        }
    }
}
