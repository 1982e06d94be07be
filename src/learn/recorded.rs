//! A ladder that is drawn from the packets of a run, with blanks for a student to fill in.

use crate::causes::chain;
use crate::ladder::{self, ConnectionChoice, Ladder, LadderRow, PacketFate, PacketRow};
use crate::record::Capture;
use crate::scenario::lesson::{PacketBlank, PacketPart, PacketQuestion};
use crate::suite::RunResult;
use crate::tcp::{TcpFlags, TcpState};

/// Width of the arrow between the two sides, columns.
const ARROW: usize = 34;
/// Width of a state, columns: ESTABLISHED.
const STATE: usize = 11;

/// The packets of one connection, each with the states of both ends after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordedLadder {
    rows: Vec<RecordedPacket>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct RecordedPacket {
    forward: bool,
    /// Position in [`PacketPart::KINDS`].
    kind: usize,
    /// Bytes of data.
    length: u32,
    lost: bool,
    /// The states of the client and the server.
    states: [TcpState; 2],
}

/// Reads the packets of a connection from the capture of its run.
pub(super) fn read_ladder(
    run: &RunResult,
    asked: &PacketQuestion,
) -> Result<RecordedLadder, String> {
    let path = match &run.capture {
        Ok(Some(path)) => path,
        Ok(None) => return Err("no packets were recorded".to_owned()),
        Err(reason) => return Err(reason.clone()),
    };
    let capture = Capture::read(path).map_err(|error| chain(&error))?;
    let which = ConnectionChoice {
        client: asked.client.clone(),
        attempt: Some(asked.attempt),
    };
    // A kernel reports the state of a sender before its packet leaves, so a traced row would show a hidden state one
    // packet early. States that are inferred from the packets always belong to their packet.
    let mut untraced = run.timeline.clone();
    untraced.traced.clear();
    let drawn = ladder::draw(&capture, &run.spec, &untraced, &which);
    drawn
        .map(|ladder| RecordedLadder::of(&ladder))
        .map_err(|error| format!("cannot {}", chain(&error)))
}

impl RecordedLadder {
    fn of(ladder: &Ladder) -> Self {
        let mut rows: Vec<RecordedPacket> = Vec::new();
        let mut states = [TcpState::Close, TcpState::Close];
        for row in &ladder.rows {
            match row {
                LadderRow::Packet(packet) => {
                    for (known, new) in states.iter_mut().zip(packet.states) {
                        *known = new.unwrap_or(*known);
                    }
                    rows.push(RecordedPacket {
                        forward: packet.forward,
                        kind: kind_of(packet),
                        length: packet.length,
                        lost: matches!(packet.fate, PacketFate::Vanished { .. }),
                        states,
                    });
                }
                // There are no such rows without a trace.
                LadderRow::State(_) | LadderRow::LeftOut(_) => {}
            }
        }
        Self { rows }
    }

    fn packet(&self, blank: &PacketBlank) -> Result<(usize, &RecordedPacket), String> {
        let index = match blank.packet {
            Some(number) => number - 1,
            None => self.rows.len().saturating_sub(1),
        };
        let found = self.rows.get(index).map(|packet| (index, packet));
        found.ok_or_else(|| {
            format!(
                "({}) is packet {}, but the connection has only {}",
                blank.name,
                index + 1,
                self.rows.len()
            )
        })
    }

    /// Returns the position of the hidden text of each blank among its options.
    pub(super) fn truths(&self, asked: &PacketQuestion) -> Result<Vec<usize>, String> {
        let truth = |blank: &PacketBlank| {
            let (_, packet) = self.packet(blank)?;
            let state = |state: TcpState| {
                let known = PacketPart::STATES.iter().position(|known| *known == state);
                known.ok_or_else(|| format!("({}) is {}", blank.name, state.as_str()))
            };
            match blank.part {
                PacketPart::Kind => Ok(packet.kind),
                PacketPart::Sender => Ok(usize::from(!packet.forward)),
                PacketPart::Client => state(packet.states[0]),
                PacketPart::Server => state(packet.states[1]),
            }
        };
        asked.blanks.iter().map(truth).collect()
    }

    /// Draws the packets without blanks.
    pub(super) fn complete(&self, asked: &PacketQuestion) -> String {
        let blanks = Vec::new();
        self.drawing(&PacketQuestion {
            blanks,
            ..asked.clone()
        })
    }

    /// Draws the packets. Blanks have their name in place of what they hide, everywhere that it would show.
    pub(super) fn drawing(&self, asked: &PacketQuestion) -> String {
        let hidden = |index: usize, part: PacketPart| {
            let blank = asked.blanks.iter().find(|blank| {
                blank.part == part && self.packet(blank).is_ok_and(|(found, _)| found == index)
            });
            blank.map(|blank| format!("({})", blank.name))
        };
        let mut text = format!("    {:STATE$}   client{:25}server\n", "", "");
        for (index, packet) in self.rows.iter().enumerate() {
            let kind = hidden(index, PacketPart::Kind).unwrap_or_else(|| packet.label());
            let arrow = match hidden(index, PacketPart::Sender) {
                Some(name) => format!("{kind} {name} {}", "-".repeat(ARROW)),
                None if packet.forward => {
                    let end = if packet.lost { "x" } else { ">" };
                    format!("{kind} {}{end}", dashes(&kind))
                }
                None => {
                    let end = if packet.lost { "x" } else { "<" };
                    format!("{end}{} {kind}", dashes(&kind))
                }
            };
            let arrow: String = arrow.chars().take(ARROW).collect();
            let client = self.state(index, 0, hidden(index, PacketPart::Client));
            let server = self.state(index, 1, hidden(index, PacketPart::Server));
            let line = format!("{:>3} {client:>STATE$} | {arrow} | {server}", index + 1);
            text += line.trim_end();
            text.push('\n');
        }
        text + "The states are inferred from the packets."
    }

    /// Returns a state of an end if it is new. The packet after a hidden state does not repeat it.
    fn state(&self, index: usize, side: usize, blank: Option<String>) -> String {
        let now = self.rows[index].states[side];
        let before = index
            .checked_sub(1)
            .map(|before| self.rows[before].states[side]);
        match blank {
            Some(name) => name,
            None if before == Some(now) => String::new(),
            None => now.as_str().to_owned(),
        }
    }
}

impl RecordedPacket {
    fn label(&self) -> String {
        match self.length {
            0 => PacketPart::KINDS[self.kind].to_owned(),
            length => format!("{} {length} B", PacketPart::KINDS[self.kind]),
        }
    }
}

/// Returns the line of an arrow beside its label.
fn dashes(label: &str) -> String {
    "-".repeat(ARROW.saturating_sub(label.chars().count() + 2))
}

/// Returns the position of a packet's kind in [`PacketPart::KINDS`].
fn kind_of(packet: &PacketRow) -> usize {
    let has = |bits| packet.flags.has(bits);
    let kind = match () {
        () if has(TcpFlags::RST) => "RST",
        () if has(TcpFlags::SYN) && has(TcpFlags::ACK) => "SYN,ACK",
        () if has(TcpFlags::SYN) => "SYN",
        () if has(TcpFlags::FIN) => "FIN",
        () if packet.length > 0 => "data",
        () if has(TcpFlags::ACK) => "ACK",
        () => "other",
    };
    let known = PacketPart::KINDS.iter().position(|known| *known == kind);
    known.unwrap_or(PacketPart::KINDS.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::tests::lab::Script;
    use crate::names::ActorName;

    fn blank(name: &str, packet: Option<usize>, part: PacketPart) -> PacketBlank {
        PacketBlank {
            name: name.to_owned(),
            packet,
            part,
        }
    }

    fn question(blanks: Vec<PacketBlank>) -> PacketQuestion {
        PacketQuestion {
            client: ActorName::new("load"),
            attempt: 1,
            blanks,
        }
    }

    /// Five packets of a connection that the client resets.
    fn ladder() -> RecordedLadder {
        let mut script = Script::with_port(20_000);
        script
            .reach(0.0, "> SYN 0")
            .reach(0.1, "< SYN-ACK 0 1")
            .reach(0.2, "> ACK 1 1")
            .reach(0.3, "> PSH-ACK 1 1 10")
            .reach(0.4, "> RST-ACK 11 1")
            .until(900);
        RecordedLadder::of(&script.draw("load:1").unwrap())
    }

    #[test]
    fn hidden_parts_are_read_from_the_packets_and_not_drawn() {
        let asked = question(vec![
            blank("a", None, PacketPart::Kind),
            blank("b", Some(2), PacketPart::Sender),
            blank("c", Some(3), PacketPart::Server),
            blank("d", None, PacketPart::Client),
        ]);
        let ladder = ladder();
        let truths = ladder.truths(&asked).unwrap();
        let options = asked.blanks.iter().map(|blank| blank.part.options());
        let words: Vec<&str> = options
            .zip(truths)
            .map(|(options, at)| options[at])
            .collect();
        assert_eq!(words, ["RST", "the server", "ESTABLISHED", "CLOSE"]);
        let drawing = ladder.drawing(&asked);
        assert!(!drawing.contains("RST"), "{drawing}");
        let second = drawing.lines().nth(2).unwrap();
        assert!(
            second.contains("SYN,ACK (b)") && !second.contains('<'),
            "{drawing}"
        );
        let last = drawing.lines().nth(5).unwrap();
        assert!(last.contains("(d) | (a) ---"), "{drawing}");
        let complete = ladder.complete(&asked);
        assert!(
            complete.contains("data 10 B") && complete.contains("RST ---"),
            "{complete}"
        );
        assert!(
            drawing
                .lines()
                .chain(complete.lines())
                .all(|line| line.len() <= 80),
            "{drawing}"
        );
    }

    #[test]
    fn a_packet_that_does_not_exist_is_reported_with_the_number_of_packets() {
        let asked = question(vec![blank("a", Some(9), PacketPart::Kind)]);
        let reason = ladder().truths(&asked).unwrap_err();
        assert_eq!(reason, "(a) is packet 9, but the connection has only 5");
    }
}
