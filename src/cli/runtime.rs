//! The async runtime of suites, and their cancellation by signals.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc::SIGXFSZ;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::message;
use crate::causes::chain;

/// Creates a runtime with one thread, because workers die with the thread that started them
/// (`PR_SET_PDEATHSIG`, prctl(2)). Prints the error and returns `None` if it cannot be created.
pub(super) fn runtime() -> Option<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .inspect_err(|error| {
            message::error(format!("cannot create a runtime: {}", chain(error)));
        })
        .ok()
}

/// Watches for signals until it is dropped.
#[derive(Debug)]
pub(super) struct SignalWatch(JoinHandle<()>);

impl Drop for SignalWatch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Set by SIGUSR1: the user wants to see the runs in progress.
static STATUS_WANTED: AtomicBool = AtomicBool::new(false);

/// Returns true once after SIGUSR1.
pub(super) fn is_status_wanted() -> bool {
    STATUS_WANTED.swap(false, Ordering::Relaxed)
}

/// Takes the signals whose default is to end the program without a word. After SIGXFSZ, writing a file beyond the limit
/// of sizes (`ulimit -f`) is an error like that of a full disk.
async fn take_other_signals(status: &mut Signal, file_size: &mut Signal) {
    loop {
        tokio::select! {
            _ = status.recv() => STATUS_WANTED.store(true, Ordering::Relaxed),
            _ = file_size.recv() => {}
        }
    }
}

/// Cancels at the first SIGINT, SIGTERM or SIGHUP: every run then ends early with a record of what it has
/// observed. Workers that do not end are killed soon after. The signals are taken from now on: a task that has not run
/// yet would leave them to their defaults.
pub(super) fn cancel_on_signals() -> (watch::Receiver<bool>, SignalWatch) {
    let (stop, stopped) = watch::channel(false);
    let taken = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::user_defined1(),
        SignalKind::from_raw(SIGXFSZ),
    ]
    .map(signal);
    (stopped, SignalWatch(tokio::spawn(cancel(stop, taken))))
}

async fn cancel(stop: watch::Sender<bool>, taken: [io::Result<Signal>; 5]) {
    let [
        Ok(mut interrupt),
        Ok(mut terminate),
        Ok(mut hang_up),
        Ok(mut status),
        Ok(mut file_size),
    ] = taken
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
        () = take_other_signals(&mut status, &mut file_size) => {}
    }
    stop.send_replace(true);
    take_other_signals(&mut status, &mut file_size).await;
}
