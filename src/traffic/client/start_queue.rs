//! The order in which the threads of a client start their attempts: one thread after another, as a single thread would.
//!
//! If all threads that are late started at once, they would take the processors from the server and be even later.

use std::sync::mpsc::{self, Receiver, Sender};

/// A place in the queue. It passes to the next thread when dropped.
#[derive(Debug)]
pub(super) struct StartSlot {
    /// Disconnected when the slot before this one is dropped.
    before: Receiver<()>,
    /// Never sends; dropping it releases the next slot.
    _over: Sender<()>,
}

/// Hands out slots in order.
#[derive(Debug)]
pub(super) struct StartQueue(Receiver<()>);

impl StartQueue {
    /// Creates an empty queue, whose first slot is free at once.
    pub(super) fn new() -> Self {
        Self(mpsc::channel().1)
    }

    /// Returns the next slot.
    pub(super) fn next(&mut self) -> StartSlot {
        let (over, is_over) = mpsc::channel();
        StartSlot {
            before: std::mem::replace(&mut self.0, is_over),
            _over: over,
        }
    }
}

impl StartSlot {
    /// Waits until all slots before this one have been dropped.
    pub(super) fn wait(&self) {
        let _released = self.before.recv();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn slots_come_in_order_whatever_the_order_of_waiting() {
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
