//! Reads a guest's output in batches, although it arrives byte by byte.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe;
use tokio::time::{Instant, Sleep};

/// The pause between two reads. A guest writes about one byte per microsecond (measured), and without a pause each
/// of them would wake this process. The pipe holds ten times as much as arrives in a pause.
const PAUSE: Duration = Duration::from_millis(5);

/// A pipe that is read at intervals.
#[derive(Debug)]
pub(crate) struct BatchedReader {
    pipe: pipe::Receiver,
    pause: Pin<Box<Sleep>>,
}

impl BatchedReader {
    pub(crate) fn new(pipe: pipe::Receiver) -> Self {
        Self {
            pipe,
            pause: Box::pin(tokio::time::sleep(Duration::ZERO)),
        }
    }
}

impl AsyncRead for BatchedReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.pause.as_mut().poll(context));
        std::task::ready!(Pin::new(&mut self.pipe).poll_read(context, buffer))?;
        self.pause.as_mut().reset(Instant::now() + PAUSE);
        Poll::Ready(Ok(()))
    }
}
