//! Thins out the windows of sockets, so that a curve of hours has about as many points as one of seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::{KernelFact, Offset};
use crate::sys::kernel_trace::SocketWindow;

/// The most windows in a record, about 3 MB.
pub(super) const LIMIT: usize = 20_000;
/// The distance of two points of a curve, as a part of the time since its first.
const SHARE: u32 = 100;

/// A curve so far.
#[derive(Debug, Clone, Copy)]
struct CurveEnd {
    began: Offset,
    last: (Offset, SocketWindow),
}

/// The curves of all sockets, by the kernel's addresses of these.
#[derive(Debug, Default)]
pub(super) struct FollowedWindows {
    curves: BTreeMap<u64, CurveEnd>,
    recorded: usize,
    /// Windows beyond the limit.
    pub(super) beyond: u64,
}

impl FollowedWindows {
    /// Returns the event for a window of a socket, unless it is close to the one before. A congestion window that has
    /// shrunk, or a window of the peer that has closed or opened, is never left out.
    pub(super) fn see(
        &mut self,
        socket: u64,
        t: Offset,
        window: SocketWindow,
    ) -> Option<KernelFact> {
        let curve = self.curves.get(&socket).copied();
        if let Some(CurveEnd { began, last }) = curve {
            let (before, old) = last;
            let matters =
                window.congestion < old.congestion || (window.peer == 0) != (old.peer == 0);
            let apart = span(before, t);
            if window == old || !matters && apart < span(began, t) / SHARE {
                return None;
            }
        }
        let began = curve.map_or(t, |curve| curve.began);
        let last = (t, window);
        self.curves.insert(socket, CurveEnd { began, last });
        if self.recorded == LIMIT {
            self.beyond += 1;
            return None;
        }
        self.recorded += 1;
        Some(KernelFact::Window {
            cwnd: window.congestion,
            ssthresh: window.slow_start_below,
            srtt: Offset::from_duration(window.round_trip).0,
            snd_wnd: window.peer,
            rcv_wnd: window.own,
        })
    }

    /// Ends the curve of a socket; another one may have its address later.
    pub(super) fn end(&mut self, socket: u64) {
        self.curves.remove(&socket);
    }
}

fn span(from: Offset, to: Offset) -> Duration {
    to.as_duration().saturating_sub(from.as_duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(congestion: u32) -> SocketWindow {
        SocketWindow {
            congestion,
            slow_start_below: None,
            round_trip: Duration::from_millis(20),
            peer: 65_535,
            own: 65_535,
        }
    }

    fn at(millis: u64) -> Offset {
        Offset::from_duration(Duration::from_millis(millis))
    }

    #[test]
    fn a_long_curve_has_few_points() {
        let mut windows = FollowedWindows::default();
        let seen = (0..100_000).filter(|t| {
            let window = window(10 + u32::try_from(*t).unwrap());
            windows.see(1, at(*t), window).is_some()
        });
        let points = seen.count();
        assert!((500..1200).contains(&points), "{points} points");
        assert_eq!(windows.beyond, 0);
    }

    #[test]
    fn a_window_that_shrinks_is_never_left_out() {
        let mut windows = FollowedWindows::default();
        assert!(windows.see(1, at(0), window(10)).is_some());
        assert!(windows.see(1, at(100_000), window(400)).is_some());
        assert!(windows.see(1, at(100_001), window(401)).is_none());
        assert!(windows.see(1, at(100_002), window(200)).is_some());
        assert!(
            windows.see(1, at(200_000), window(200)).is_none(),
            "unchanged"
        );
        windows.end(1);
        assert!(
            windows.see(1, at(200_001), window(200)).is_some(),
            "another socket"
        );
    }

    #[test]
    fn windows_beyond_the_limit_are_counted() {
        let mut windows = FollowedWindows::default();
        let sockets = 0..LIMIT as u64 + 3;
        let recorded = sockets.filter(|socket| windows.see(*socket, at(1), window(10)).is_some());
        assert_eq!(recorded.count(), LIMIT);
        assert_eq!(windows.beyond, 3);
    }
}
