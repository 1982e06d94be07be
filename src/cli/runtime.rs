//! The async runtime of suites, and their cancellation by signals.

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
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

/// Cancels at the first SIGINT, SIGTERM or SIGHUP: every run then ends early with a record of what it has
/// observed. Workers that do not end are killed soon after.
pub(super) fn cancel_on_signals() -> (watch::Receiver<bool>, SignalWatch) {
    let (stop, stopped) = watch::channel(false);
    (stopped, SignalWatch(tokio::spawn(cancel(stop))))
}

async fn cancel(stop: watch::Sender<bool>) {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    stop.send_replace(true);
    std::future::pending::<()>().await;
}
