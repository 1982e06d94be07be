//! Whose turn it is to start attempts, where a client has several threads: one after the other, in order, as one thread would.
//!
//! All at once they would take the processors from the server when they are late, and be later for it.

use std::sync::mpsc::{self, Receiver, Sender};

/// A place in the order. Its turn is over when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    /// Ends when the one before is dropped.
    before: Receiver<()>,
    /// Only ever dropped.
    _over: Sender<()>,
}

/// Hands out places in order.
#[derive(Debug)]
pub(super) struct Order(Receiver<()>);

impl Order {
    /// An order without places; the first one's turn comes at once.
    pub(super) fn new() -> Self {
        Self(mpsc::channel().1)
    }

    /// The next place.
    pub(super) fn next(&mut self) -> Turn {
        let (over, is_over) = mpsc::channel();
        Turn {
            before: std::mem::replace(&mut self.0, is_over),
            _over: over,
        }
    }
}

impl Turn {
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
        let (mut order, done) = (Order::new(), Mutex::new(Vec::new()));
        let turns: Vec<_> = (0..5).map(|place| (place, order.next())).collect();
        std::thread::scope(|scope| {
            for (place, turn) in turns.into_iter().rev() {
                let done = &done;
                scope.spawn(move || {
                    turn.wait();
                    done.lock().unwrap().push(place);
                });
            }
        });
        assert_eq!(done.into_inner().unwrap(), [0, 1, 2, 3, 4]);
    }
}
