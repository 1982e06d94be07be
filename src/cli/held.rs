//! Waits for the user while `nslab run --hold` keeps a lab.

use std::io::{BufRead, IsTerminal, stdin};
use std::time::Duration;

use nix::unistd::{getpgrp, tcgetpgrp};
use tokio::sync::watch;

use super::message;
use crate::units::format_seconds;

/// Announces that the lab is kept, and releases it when the user presses Enter. If standard input ends or cannot be
/// read, only the time or a signal releases it.
pub(super) fn announce(at_most: Option<Duration>, release: watch::Sender<bool>) {
    let keys = is_ours();
    let until = match (keys, at_most) {
        (true, None) => "until you press Enter".to_owned(),
        (true, Some(time)) => format!("for {}, or until you press Enter", format_seconds(time)),
        (false, None) => "until a signal ends it (Ctrl-C)".to_owned(),
        (false, Some(time)) => format!("for {}", format_seconds(time)),
    };
    message::note(format!(
        "the lab is kept {until}; in another terminal: nslab exec NODE --lab {}",
        std::process::id()
    ));
    let wait = move || {
        let mut line = String::new();
        if keys
            && stdin()
                .lock()
                .read_line(&mut line)
                .is_ok_and(|read| read > 0)
        {
            let _run_has_ended = release.send(true);
        }
    };
    // This thread is never waited for: it may read until the process ends.
    if let Err(error) = std::thread::Builder::new().spawn(wait) {
        message::warning(format!("cannot wait for Enter: {error}"));
    }
}

/// Returns true if standard input can be read. The kernel would stop a process in the background of its terminal.
fn is_ours() -> bool {
    !stdin().is_terminal() || tcgetpgrp(stdin()).is_ok_and(|foreground| foreground == getpgrp())
}
