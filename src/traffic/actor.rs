//! A server, client or command as a thread on a node or a part of one, with the means to begin, stop and join it.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use tokio::sync::watch;

use super::TrafficError;
use crate::lab::LiveNode;
use crate::names::ActorName;
use crate::record::RunClock;
use crate::sys::wake::StopFlag;

/// The number of actors that have not ended yet.
#[derive(Debug, Clone)]
pub(super) struct Unfinished {
    count: watch::Sender<usize>,
    on_end: Arc<OnEnd>,
}

/// A function that is called whenever an actor ends, once it is set.
#[derive(Default)]
pub(super) struct OnEnd(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl OnEnd {
    /// Sets the function, unless there is one.
    pub(super) fn set(&self, call: impl Fn() + Send + Sync + 'static) {
        let _set_before = self.0.set(Box::new(call));
    }
}

impl std::fmt::Debug for OnEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OnEnd")
            .field(&self.0.get().is_some())
            .finish()
    }
}

impl Unfinished {
    pub(super) fn new() -> Self {
        Self {
            count: watch::Sender::new(0),
            on_end: Arc::default(),
        }
    }

    /// Counts one more actor as unfinished until the returned guard is dropped.
    pub(super) fn one_more(&self) -> UnfinishedOne {
        self.count.send_modify(|count| *count += 1);
        UnfinishedOne(self.clone())
    }

    pub(super) fn watch(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    pub(super) fn on_end(&self) -> Arc<OnEnd> {
        Arc::clone(&self.on_end)
    }
}

/// Counts an actor as unfinished until it is dropped, however the actor ends.
#[derive(Debug)]
pub(super) struct UnfinishedOne(Unfinished);

impl Drop for UnfinishedOne {
    fn drop(&mut self) {
        let Unfinished { count, on_end } = &self.0;
        count.send_modify(|count| *count -= 1);
        if let Some(call) = on_end.0.get() {
            call();
        }
    }
}

/// The channels and flags that the thread of an actor receives.
pub(super) struct ActorSignals {
    pub(super) stop: Arc<StopFlag>,
    /// Delivers the clock when the run begins.
    pub(super) begin: mpsc::Receiver<RunClock>,
    ready: Sender<()>,
}

impl ActorSignals {
    /// Returns a function that reports the actor ready, for a server once it listens.
    pub(super) fn ready(&self) -> impl FnOnce() + use<> {
        let ready = self.ready.clone();
        move || {
            let _no_waiter = ready.send(());
        }
    }
}

/// A running actor. It is stopped and joined when dropped.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) name: ActorName,
    stop: Arc<StopFlag>,
    begin: Option<Sender<RunClock>>,
    work: Option<ActorWork>,
}

/// The work of an actor, which ends with a result.
#[derive(Debug)]
enum ActorWork {
    OwnThread(JoinHandle<io::Result<io::Result<()>>>),
    /// A thread that it shares with others.
    SharedThread(mpsc::Receiver<io::Result<()>>),
}

impl Actor {
    /// Starts the thread of an actor and waits until it reports that it is ready.
    pub(super) fn start(
        name: &ActorName,
        node: &LiveNode,
        work: impl FnOnce(ActorSignals) -> io::Result<()> + Send + 'static,
    ) -> Result<Self, TrafficError> {
        let failed = |source| TrafficError::not_ready(name, &node.name, source);
        let stop = Arc::new(StopFlag::new().map_err(failed)?);
        let (begin, begun) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let signals = ActorSignals {
            stop: Arc::clone(&stop),
            begin: begun,
            ready,
        };
        let thread = node
            .netns
            .spawn(name.as_str(), move || work(signals))
            .map_err(failed)?;
        let mut actor = Self {
            name: name.clone(),
            stop,
            begin: Some(begin),
            work: Some(ActorWork::OwnThread(thread)),
        };
        // Without a message, the thread has ended with an error before it was ready.
        if is_ready.recv().is_err() {
            let ended = actor.join();
            let silent = || io::Error::other("its thread ended before it was ready");
            return Err(failed(ended.err().unwrap_or_else(silent)));
        }
        Ok(actor)
    }

    /// Returns an actor that runs on a thread with others, which begins it and sends its result.
    pub(super) fn on_shared_thread(
        name: &ActorName,
        stop: Arc<StopFlag>,
        result: mpsc::Receiver<io::Result<()>>,
    ) -> Self {
        Self {
            name: name.clone(),
            stop,
            begin: None,
            work: Some(ActorWork::SharedThread(result)),
        }
    }

    /// Passes the clock to the actor, which begins.
    pub(super) fn begin(&mut self, clock: RunClock) {
        if let Some(begin) = self.begin.take() {
            let _stopped_before = begin.send(clock);
        }
    }

    /// Requests that the actor stop, without waiting for it.
    pub(super) fn stop(&mut self) {
        self.begin = None;
        self.stop.raise();
    }

    /// Requests that the actor stop and reset its connections, without waiting for it.
    pub(super) fn reset(&mut self) {
        self.begin = None;
        self.stop.raise_to_reset();
    }

    /// Waits for the actor to end and returns its result.
    pub(super) fn join(&mut self) -> io::Result<()> {
        let panicked = || Err(io::Error::other("its thread panicked"));
        match self.work.take() {
            None => Ok(()),
            Some(ActorWork::OwnThread(thread)) => {
                thread.join().unwrap_or_else(|_| Ok(panicked()))?
            }
            Some(ActorWork::SharedThread(result)) => result.recv().unwrap_or_else(|_| panicked()),
        }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.stop();
        let _dropped_result = self.join();
    }
}
