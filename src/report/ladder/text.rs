//! A ladder for the terminal.

use crate::ladder::{Hop, Ladder, LadderRow, LossPoint, PacketFate, PacketRow};
use crate::report::printable::printable;
use crate::units::show::brief;

/// Columns before the client's line: time, then its state.
const LEFT: usize = 22;
/// Columns behind the server's line: a blank and its state, `ESTABLISHED`.
const RIGHT: usize = 12;
/// Columns from one line to the next, at least: an arrow with its transit time.
const NARROWEST: usize = 10;

/// How a character is shown on a terminal with colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Faint,
    Lost,
    Again,
    Strong,
}

impl Tone {
    /// Select Graphic Rendition (ECMA-48, 8.3.117).
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Faint => "\x1b[2m",
            Self::Lost => "\x1b[31m",
            Self::Again => "\x1b[33m",
            Self::Strong => "\x1b[1m",
        }
    }
}

/// The ladder as lines of text, so many columns wide (wider where there are many nodes), coloured or not.
pub fn text(ladder: &Ladder, width: usize, colour: bool) -> String {
    let sheet = TextSheet::new(ladder, width);
    let mut lines = sheet.head(ladder);
    for row in &ladder.rows {
        match row {
            LadderRow::Packet(packet) => lines.extend(sheet.packet(packet, ladder)),
            LadderRow::LeftOut(count) => {
                let mut line = sheet.lifelines();
                let said = format!("… {count} packets …");
                line.put(sheet.columns[0] + 2, &said, Tone::Faint);
                lines.push(line);
            }
        }
    }
    lines.push(sheet.lifelines());
    lines.extend(sheet.foot(ladder));
    lines.iter().map(|line| line.render(colour)).collect()
}

/// Where things are.
struct TextSheet {
    width: usize,
    /// The line of each node.
    columns: Vec<usize>,
}

/// A line while it is made.
#[derive(Debug, Clone, Default)]
struct SheetLine(Vec<(char, Tone)>);

impl SheetLine {
    /// Writes over what is there.
    fn put(&mut self, at: usize, text: &str, tone: Tone) {
        // Names come from files: nothing in them may steer the terminal.
        for (at, symbol) in (at..).zip(printable(text).chars()) {
            if self.0.len() <= at {
                self.0.resize(at + 1, (' ', Tone::Plain));
            }
            let symbol = if symbol.is_whitespace() { ' ' } else { symbol };
            self.0[at] = (symbol, tone);
        }
    }

    fn render(&self, colour: bool) -> String {
        let end = self.0.iter().rposition(|(symbol, _)| *symbol != ' ');
        let mut text = String::new();
        let mut tone = Tone::Plain;
        for (symbol, wanted) in &self.0[..end.map_or(0, |end| end + 1)] {
            if colour && *wanted != tone && *symbol != ' ' {
                text.push_str(if tone == Tone::Plain { "" } else { "\x1b[0m" });
                text.push_str(wanted.code());
                tone = *wanted;
            }
            text.push(*symbol);
        }
        text.push_str(if tone == Tone::Plain {
            "\n"
        } else {
            "\x1b[0m\n"
        });
        text
    }
}

impl TextSheet {
    fn new(ladder: &Ladder, width: usize) -> Self {
        let hops = ladder.nodes.len().saturating_sub(1).max(1);
        let room = width.saturating_sub(LEFT + RIGHT + 1);
        let step = (room / hops).max(NARROWEST);
        let columns: Vec<_> = (0..ladder.nodes.len())
            .map(|node| LEFT + node * step)
            .collect();
        let last = columns.last().copied().unwrap_or(LEFT);
        Self {
            width: width.max(last + 1 + RIGHT),
            columns,
        }
    }

    /// Who, when, what came of it, which addresses, which node is which line.
    fn head(&self, ladder: &Ladder) -> Vec<SheetLine> {
        let mut lines = Vec::new();
        let began = ladder
            .began
            .map(|began| format!(" at {:.3} s", began.as_secs_f64()));
        let title = format!(
            "{}, attempt {} of {}{}: {}",
            ladder.client,
            ladder.attempt,
            ladder.attempts,
            began.unwrap_or_default(),
            ladder.outcome
        );
        let mut line = SheetLine::default();
        line.put(0, &title, Tone::Strong);
        lines.push(line);
        for (link, ends) in ladder.links.iter().zip(ladder.nodes.windows(2)) {
            let mut line = SheetLine::default();
            let name = format!("  {} – {}: ", ends[0], ends[1]);
            line.put(0, &name, Tone::Faint);
            let mut said = link.addresses.join(", ");
            if link.addresses.is_empty() {
                said.push_str("no SYN seen");
            }
            if link.translated {
                said.push_str(" (translated)");
            }
            line.put(name.chars().count(), &said, Tone::Plain);
            lines.push(line);
        }
        lines.push(SheetLine::default());
        let mut names = SheetLine::default();
        let mut from = 0;
        for (node, column) in ladder.nodes.iter().zip(&self.columns) {
            let length = node.as_str().chars().count();
            let at = column.saturating_sub(length / 2).max(from);
            names.put(at, node.as_str(), Tone::Strong);
            from = at + length + 1;
        }
        names.put(4, "seconds", Tone::Faint);
        lines.push(names);
        lines
    }

    fn foot(&self, ladder: &Ladder) -> Vec<SheetLine> {
        let states = "states are those that the packets lead to".to_owned();
        let notes = std::iter::once(&states).chain(&ladder.notes);
        notes
            .flat_map(|note| {
                let wrapped = wrap(note, self.width.saturating_sub(2))
                    .into_iter()
                    .enumerate();
                wrapped.map(|(number, part)| {
                    let mut line = SheetLine::default();
                    line.put(0, if number == 0 { "- " } else { "  " }, Tone::Faint);
                    line.put(2, &part, Tone::Faint);
                    line
                })
            })
            .collect()
    }

    fn lifelines(&self) -> SheetLine {
        let mut line = SheetLine::default();
        for column in &self.columns {
            line.put(*column, "│", Tone::Faint);
        }
        line
    }

    /// Two lines: what it says, and how it goes; more where it vanished.
    fn packet(&self, packet: &PacketRow, ladder: &Ladder) -> Vec<SheetLine> {
        let tone = match (&packet.fate, &packet.mark) {
            (PacketFate::Vanished { .. }, _) => Tone::Lost,
            (_, Some(_)) => Tone::Again,
            _ => Tone::Plain,
        };
        let mut lines = vec![self.label(packet, tone), self.arrows(packet, tone)];
        if let PacketFate::Vanished { at, reason } = &packet.fate {
            let said = vanished(*at, reason.as_deref(), ladder);
            let from = self.columns[0] + 2;
            for part in wrap(&said, self.width.saturating_sub(from)) {
                let mut line = self.lifelines();
                line.put(from - 1, &format!(" {part} "), Tone::Lost);
                lines.push(line);
            }
        }
        lines
    }

    fn label(&self, packet: &PacketRow, tone: Tone) -> SheetLine {
        let mut line = self.lifelines();
        line.put(
            0,
            &format!("{:10.6}", packet.time.as_secs_f64()),
            Tone::Faint,
        );
        let label = label(packet);
        let length = label.chars().count();
        let sender = packet.hops.first().map_or(0, |hop| {
            if packet.forward {
                hop.link
            } else {
                hop.link + 1
            }
        });
        let column = self.columns[sender];
        let at = if packet.forward {
            column + 2
        } else {
            column.saturating_sub(length + 2).max(LEFT)
        };
        line.put(at - 1, &format!(" {label} "), tone);
        line
    }

    fn arrows(&self, packet: &PacketRow, tone: Tone) -> SheetLine {
        let mut line = self.lifelines();
        for hop in &packet.hops {
            self.arrow(&mut line, hop, packet, tone);
        }
        if let PacketFate::Vanished {
            at: LossPoint::Node(node),
            ..
        } = packet.fate
        {
            line.put(self.columns[node], "✗", Tone::Lost);
        }
        let last = self.columns.last().copied().unwrap_or(LEFT);
        for (state, at) in packet.states.iter().zip([LEFT - 12, last + 2]) {
            if let Some(state) = state {
                line.put(at, &state.to_string(), Tone::Plain);
            }
        }
        line
    }

    /// `├────9 µs───►│`, or `├─────✗` where it did not arrive.
    fn arrow(&self, line: &mut SheetLine, hop: &Hop, packet: &PacketRow, tone: Tone) {
        let (left, right) = (self.columns[hop.link], self.columns[hop.link + 1]);
        let (start, end) = if packet.forward {
            ("├", "►")
        } else {
            ("┤", "◄")
        };
        let (from, to) = if packet.forward {
            (left, right)
        } else {
            (right, left)
        };
        line.put(from, start, Tone::Faint);
        if !hop.arrived {
            let middle = left.midpoint(right);
            let drawn = if packet.forward {
                left + 1..middle
            } else {
                middle + 1..right
            };
            line.put(drawn.start, &"─".repeat(drawn.len()), tone);
            let lost = matches!(packet.fate, PacketFate::Vanished { .. });
            let tip = if lost { "✗" } else { end };
            line.put(middle, tip, tone);
            return;
        }
        line.put(left + 1, &"─".repeat(right - left - 1), tone);
        line.put(if packet.forward { to - 1 } else { to + 1 }, end, tone);
        if let Some(transit) = hop.transit {
            let transit = brief(transit);
            let length = transit.chars().count();
            if length + 4 <= right - left {
                line.put(left.midpoint(right) - length / 2, &transit, Tone::Faint);
            }
        }
    }
}

/// `SYN retry 1, seq 0`, `PSH-ACK seq 1:513 ack 1 len 512`.
pub(super) fn label(packet: &PacketRow) -> String {
    let mut label = packet.flags.to_string();
    if let Some(mark) = &packet.mark {
        label.push_str(&format!(" {mark},"));
    }
    label.push_str(&format!(" seq {}", packet.seq));
    if packet.length > 0 {
        label.push_str(&format!(":{}", packet.seq + i64::from(packet.length)));
    }
    if let Some(ack) = packet.ack {
        label.push_str(&format!(" ack {ack}"));
    }
    if packet.length > 0 {
        label.push_str(&format!(" len {}", packet.length));
    }
    label
}

/// `✗ vanished in nat: table full, nat.conntrack.drop +1`.
pub(super) fn vanished(at: LossPoint, reason: Option<&str>, ladder: &Ladder) -> String {
    let last = ladder.nodes.len().saturating_sub(1);
    let place = match at {
        LossPoint::Node(node) if node == last => format!("ignored by {}", ladder.nodes[node]),
        LossPoint::Node(node) => format!("vanished in {}", ladder.nodes[node]),
        LossPoint::Link(link) => format!(
            "vanished between {} and {}",
            ladder.nodes[link],
            ladder.nodes[link + 1]
        ),
    };
    format!(
        "✗ {place}: {}",
        reason.unwrap_or("the record does not tell why")
    )
}

/// Parts of a text, broken between words, none longer than the room where its words are not.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match parts.last_mut() {
            Some(part) if part.chars().count() + 1 + word.chars().count() <= room => {
                part.push(' ');
                part.push_str(word);
            }
            _ => parts.push(word.to_owned()),
        }
    }
    parts
}
