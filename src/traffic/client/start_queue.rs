//! Whose slot it is to start attempts, where a client has several threads: one after the other, in queue, as one thread would.
//!
//! All at once they would take the processors from the server when they are late, and be later for it.

use std::sync::mpsc::{self, Receiver, Sender};

/// A place in the queue. Its slot is over when it is dropped.
#[derive(Debug)]
pub(super) struct StartSlot {
    /// Ends when the one before is dropped.
    before: Receiver<()>,
    /// Only ever dropped.
    _over: Sender<()>,
}

/// Hands out places in queue.
#[derive(Debug)]
pub(super) struct StartQueue(Receiver<()>);

impl StartQueue {
    /// An queue without places; the first one's slot comes at once.
    pub(super) fn new() -> Self {
        Self(mpsc::channel().1)
    }

    /// The next place.
    pub(super) fn next(&mut self) -> StartSlot {
        let (over, is_over) = mpsc::channel();
        StartSlot {
            before: std::mem::replace(&mut self.0, is_over),
            _over: over,
        }
    }
}

impl StartSlot {
    /// Waits until everyone before has had theirs.
    pub(super) fn wait(&self) {
        let _it_is_over = self.before.recv();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn turns_come_in_order_whoever_comes_first() {
        let (mut queue, done) = (StartQueue::new(), Mutex::new(Vec::new()));
        let slots: Vec<_> = (0..5).map(|place| (place, queue.next())).collect();
        std::thread::scope(|scope| {
            for (place, slot) in slots.into_iter().rev() {
                let done = &done;
                scope.spawn(move || {
                    slot.wait();
                    done.lock().unwrap().push(place);
                });
            }
        });
        assert_eq!(done.into_inner().unwrap(), [0, 1, 2, 3, 4]);
    }
}
