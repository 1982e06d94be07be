//! Asks a kernel in a virtual machine about its settings.

use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, timeout};

use crate::backend::{Backend, StartError, SysctlAnswer, SysctlInquiry, WorkOrder};
use crate::causes::chain;
use crate::record::Event;
use crate::scenario::RunSpec;

/// Longest time for an answer: seconds of work for a guest, more on a host that has other work.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);

/// A kernel did not answer.
#[derive(Debug, Error)]
pub(crate) enum InquiryError {
    /// The virtual machine cannot be started.
    #[error("cannot start the virtual machine")]
    Start(#[source] StartError),
    /// The kernel cannot be examined, or the answer cannot be read.
    #[error("cannot examine the kernel: {0}")]
    Answer(String),
    /// No answer came.
    #[error("no answer from the virtual machine within {} s", ANSWER_TIMEOUT.as_secs())]
    Late,
}

/// Asks the kernel of `backend`, in a machine that has what `spec` needs.
pub(crate) async fn inquire(
    inquiry: SysctlInquiry,
    spec: RunSpec,
    backend: &Backend,
) -> Result<SysctlAnswer, InquiryError> {
    let order = WorkOrder {
        inquiry: Some(inquiry),
        ..WorkOrder::new(spec)
    };
    let started = backend.start(&order, None).await;
    let mut worker = started.map_err(InquiryError::Start)?;
    let events = async {
        let mut answer = None;
        while let Some((event, _)) = worker
            .next()
            .await
            .map_err(|error| InquiryError::Answer(chain(&error)))?
        {
            if let Event::Errored { error } = event {
                return Err(InquiryError::Answer(error));
            }
            if let Event::Note { text, .. } = event {
                answer = Some(text);
            }
        }
        Ok(answer)
    };
    let answered = timeout(ANSWER_TIMEOUT, events).await;
    if answered.is_err() {
        worker.kill();
    }
    let end = worker.wait(Instant::now() + ANSWER_TIMEOUT).await;
    let end = end.map_err(|error| InquiryError::Answer(chain(&error)))?;
    let Ok(answer) = answered else {
        return Err(InquiryError::Late);
    };
    let text = answer?.ok_or_else(|| {
        let none = || "the machine ended without an answer".to_owned();
        InquiryError::Answer(end.failure.unwrap_or_else(none))
    })?;
    serde_json::from_str(&text).map_err(|error| InquiryError::Answer(chain(&error)))
}
