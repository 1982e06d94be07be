//! What suites run on.

use tokio::runtime::{Builder, Runtime};

use super::output;
use crate::causes::chain;

/// A runtime of one thread: workers die with the thread that started them (`PR_SET_PDEATHSIG`, prctl(2)). Where there is none, that is told.
pub(super) fn runtime() -> Option<Runtime> {
    let told = |error: std::io::Error| {
        output::err(&format!("error: cannot wait for runs: {}\n", chain(&error)));
    };
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(told)
        .ok()
}
