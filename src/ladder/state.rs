//! Infers the state of a TCP endpoint from the packets that it sent and received (RFC 9293, sections 3.3.2 and 3.10).
//!
//! The kernel's state can differ: a connection whose last ACK met a full accept queue stays in SYN_RECV, and one that
//! was answered with a SYN cookie has no state until then.

use crate::tcp::segment::distance;
use crate::tcp::{Segment, TcpState};

/// One end of a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Endpoint {
    /// `None` before its first packet.
    state: Option<TcpState>,
    /// Its initial sequence number.
    own: Option<u32>,
    /// Sequence number after its own FIN.
    own_fin: Option<u32>,
    /// Next sequence number that it expects.
    expected: Option<u32>,
    /// Segments that arrived out of order: start and end.
    early: Vec<(u32, u32)>,
    /// Sequence number after its peer's FIN.
    peer_fin: Option<u32>,
}

impl Endpoint {
    /// Returns the inferred state, if any packet shows it.
    pub(super) fn state(&self) -> Option<TcpState> {
        self.state
    }

    /// Processes a segment that this end sends.
    pub(super) fn sends(&mut self, segment: &Segment) {
        if segment.rst {
            // In TIME_WAIT a reset answers a stray segment and does not end the state (RFC 9293, section 3.10.7.4).
            if self.state != Some(TcpState::TimeWait) {
                self.state = Some(TcpState::Close);
            }
            return;
        }
        if segment.syn {
            self.own = Some(segment.sequence);
            self.state = Some(if segment.opens() {
                TcpState::SynSent
            } else {
                TcpState::SynRecv
            });
        }
        if segment.fin {
            self.own_fin = Some(segment.end());
            self.state = match self.state {
                Some(TcpState::Established | TcpState::SynRecv) => Some(TcpState::FinWait1),
                Some(TcpState::CloseWait) => Some(TcpState::LastAck),
                other => other,
            };
        }
        // Whatever it acknowledges has arrived, even if the capture does not show it.
        if let Some(acknowledged) = segment.acknowledges {
            self.expect(acknowledged);
        }
    }

    /// Processes a segment that this end receives.
    pub(super) fn receives(&mut self, segment: &Segment) {
        if segment.rst {
            if self.state.is_some_and(|state| state != TcpState::TimeWait) {
                self.state = Some(TcpState::Close);
            }
            return;
        }
        let acknowledges = |sequence: Option<u32>| {
            let both = segment.acknowledges.zip(sequence);
            both.is_some_and(|(acknowledged, sequence)| distance(acknowledged, sequence) >= 0)
        };
        let own_syn = acknowledges(self.own.map(|own| own.wrapping_add(1)));
        self.state = match self.state {
            Some(TcpState::SynSent) if segment.syn && own_syn => Some(TcpState::Established),
            // Simultaneous open.
            Some(TcpState::SynSent) if segment.opens() => Some(TcpState::SynRecv),
            Some(TcpState::SynRecv) if own_syn => Some(TcpState::Established),
            other => other,
        };
        if acknowledges(self.own_fin) {
            self.state = match self.state {
                Some(TcpState::FinWait1) => Some(TcpState::FinWait2),
                Some(TcpState::Closing) => Some(TcpState::TimeWait),
                Some(TcpState::LastAck) => Some(TcpState::Close),
                other => other,
            };
        }
        if segment.fin {
            self.peer_fin = Some(segment.end());
        }
        if segment.syn {
            self.expected.get_or_insert(segment.end());
        }
        self.early.push((segment.sequence, segment.end()));
        self.put_in_order();
    }

    fn expect(&mut self, seq: u32) {
        if self
            .expected
            .is_none_or(|expected| distance(seq, expected) > 0)
        {
            self.expected = Some(seq);
        }
        self.put_in_order();
    }

    /// Takes the segments that are in order now, and then a FIN.
    fn put_in_order(&mut self) {
        let Some(mut expected) = self.expected else {
            return;
        };
        self.early
            .sort_by_key(|(start, _)| distance(*start, expected));
        self.early.retain(|(start, end)| {
            if distance(*start, expected) > 0 {
                return true;
            }
            if distance(*end, expected) > 0 {
                expected = *end;
            }
            false
        });
        self.expected = Some(expected);
        if self
            .peer_fin
            .is_some_and(|fin| distance(expected, fin) >= 0)
        {
            self.peer_fin = None;
            self.state = match self.state {
                Some(TcpState::Established | TcpState::SynRecv) => Some(TcpState::CloseWait),
                Some(TcpState::FinWait1) => Some(TcpState::Closing),
                Some(TcpState::FinWait2) => Some(TcpState::TimeWait),
                other => other,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `ACK 1 1 10`: flags, sequence number, acknowledgement number, bytes.
    fn segment(text: &str) -> Segment {
        let mut words = text.split(' ');
        let names = words.next().unwrap();
        let mut number = || words.next().map_or(0, |word| word.parse().unwrap());
        let has = |name| names.split('-').any(|each| each == name);
        let nowhere = "0.0.0.0:0".parse().unwrap();
        let (sequence, ack) = (number(), number());
        Segment {
            from: nowhere,
            to: nowhere,
            sequence,
            acknowledges: has("ACK").then_some(ack),
            length: number(),
            syn: has("SYN"),
            fin: has("FIN"),
            rst: has("RST"),
            psh: has("PSH"),
            identification: 0,
            timestamps: None,
            status: None,
        }
    }

    /// Plays a conversation between two ends (`>` is from the first to the second) and returns the states after each
    /// line.
    fn play(lines: &[&str]) -> Vec<String> {
        let mut ends = [Endpoint::default(), Endpoint::default()];
        let show = |end: &Endpoint| {
            let state = end.state();
            state.map_or("-".to_owned(), |state| state.to_string())
        };
        let each = lines.iter().map(|line| {
            let (way, text) = line.split_once(' ').unwrap();
            let (from, to) = if way.starts_with('>') { (0, 1) } else { (1, 0) };
            ends[from].sends(&segment(text));
            // `>x` marks a lost packet.
            if !way.ends_with('x') {
                ends[to].receives(&segment(text));
            }
            format!("{} {}", show(&ends[0]), show(&ends[1]))
        });
        each.collect()
    }

    #[test]
    fn a_connection_opens_and_the_client_closes_first() {
        let states = play(&[
            "> SYN 0",
            "< SYN-ACK 100 1",
            "> ACK 1 101",
            "> PSH-ACK 1 101 10",
            "< ACK 101 11",
            "> FIN-ACK 11 101",
            "< ACK 101 12",
            "< FIN-ACK 101 12",
            "> ACK 12 102",
        ]);
        assert_eq!(
            states,
            [
                "SYN_SENT -",
                "ESTABLISHED SYN_RECV",
                "ESTABLISHED ESTABLISHED",
                "ESTABLISHED ESTABLISHED",
                "ESTABLISHED ESTABLISHED",
                "FIN_WAIT1 CLOSE_WAIT",
                "FIN_WAIT2 CLOSE_WAIT",
                "TIME_WAIT LAST_ACK",
                "TIME_WAIT CLOSE",
            ]
        );
    }

    #[test]
    fn both_ends_close_at_once() {
        let states = play(&[
            "> SYN 0",
            "< SYN-ACK 100 1",
            "> ACK 1 101",
            ">x FIN-ACK 1 101",
            "< FIN-ACK 101 1",
            "> FIN-ACK 1 102",
            "< ACK 102 2",
        ]);
        // The lost FIN is replaced by the copy that is sent here.
        assert_eq!(states[3], "FIN_WAIT1 ESTABLISHED");
        assert_eq!(states[4], "CLOSING FIN_WAIT1");
        assert_eq!(states[6], "TIME_WAIT TIME_WAIT");
    }

    #[test]
    fn a_fin_before_its_turn_waits_for_what_is_missing() {
        let states = play(&[
            "> SYN 0",
            "< SYN-ACK 100 1",
            "> ACK 1 101",
            ">x PSH-ACK 1 101 10",
            "> FIN-ACK 11 101",
            "< ACK 101 1",
            "> PSH-ACK 1 101 10",
        ]);
        assert_eq!(states[4], "FIN_WAIT1 ESTABLISHED");
        assert_eq!(states[5], "FIN_WAIT1 ESTABLISHED");
        assert_eq!(states[6], "FIN_WAIT1 CLOSE_WAIT");
    }

    #[test]
    fn resets_end_a_connection_but_not_time_wait() {
        assert_eq!(
            play(&["> SYN 0", "< RST-ACK 0 1"]),
            ["SYN_SENT -", "CLOSE CLOSE"]
        );
        let reset = play(&[
            "> SYN 0",
            "< SYN-ACK 100 1",
            "> ACK 1 101",
            "> RST-ACK 1 101",
        ]);
        assert_eq!(reset[3], "CLOSE CLOSE");
        let late = play(&[
            "> SYN 0",
            "< SYN-ACK 100 1",
            "> FIN-ACK 1 101",
            "< FIN-ACK 101 2",
            "> ACK 2 102",
            "< RST 102",
        ]);
        assert_eq!(late[5], "TIME_WAIT CLOSE");
    }

    #[test]
    fn sequence_numbers_pass_through_zero() {
        let states = play(&[
            "> SYN 4294967295",
            "< SYN-ACK 4294967290 0",
            "> ACK 0 4294967291",
            "< PSH-ACK 4294967291 0 10",
            "< FIN-ACK 5 0",
            "> ACK 0 6",
            "> FIN-ACK 0 6",
            "< ACK 6 1",
        ]);
        assert_eq!(states[2], "ESTABLISHED ESTABLISHED");
        assert_eq!(states[4], "CLOSE_WAIT FIN_WAIT1");
        assert_eq!(states[7], "CLOSE TIME_WAIT");
    }

    #[test]
    fn an_answer_to_something_else_opens_nothing() {
        let states = play(&["> SYN 1000", "< ACK 500 700"]);
        assert_eq!(states[1], "SYN_SENT -");
    }
}
