//! Lines that the student types, from a terminal or a pipe.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::say;

/// Standard input, line by line. A signal ends the wait for a line.
#[derive(Debug)]
pub(super) struct Input {
    lines: mpsc::UnboundedReceiver<String>,
    stop: watch::Receiver<bool>,
    pub(super) is_terminal: bool,
}

/// Input of the student, or the reason why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Line(String),
    /// Time has passed; only if a limit is given.
    Nothing,
    /// The input has ended.
    End,
    /// A signal asks to stop.
    Stopped,
}

impl Input {
    /// Reads standard input on a thread of its own, because a read from a terminal cannot be cancelled.
    pub(super) fn of_stdin(stop: watch::Receiver<bool>) -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let Ok(line) = line else { break };
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            lines,
            stop,
            is_terminal: std::io::stdin().is_terminal(),
        }
    }

    /// Shows a prompt and waits for a line, at most for `limit`.
    pub(super) async fn line(&mut self, prompt: &str, limit: Option<Duration>) -> Typed {
        say(prompt);
        let never = Duration::from_secs(u64::from(u32::MAX));
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => {
                say("\n");
                Typed::Stopped
            }
            line = self.lines.recv() => match line {
                Some(line) => {
                    // A pipe shows what was read, so that the output reads like a session.
                    if !self.is_terminal {
                        say(&format!("{}\n", line.trim()));
                    }
                    Typed::Line(line.trim().to_owned())
                }
                None => Typed::End,
            },
            () = tokio::time::sleep(limit.unwrap_or(never)) => Typed::Nothing,
        }
    }
}
