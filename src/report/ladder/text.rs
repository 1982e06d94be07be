//! The ladder as text for the terminal.

use crate::ladder::{
    Hop, Ladder, LadderRow, LossPoint, LossReason, PacketFate, PacketRow, StateRow,
};
use crate::report::printable::printable;
use crate::report::terminal::layout::wrap;
use crate::units::show::brief;

/// Columns before the client's line: time, then its state.
const LEFT: usize = 22;
/// Columns after the server's line: a space and its state, `ESTABLISHED`.
const RIGHT: usize = 12;
/// Smallest distance between two lines in columns: an arrow with its transit time.
const NARROWEST: usize = 10;

/// The appearance of a character on a terminal with colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Faint,
    Lost,
    Again,
    Strong,
}

impl Tone {
    /// Returns the escape sequence (Select Graphic Rendition, ECMA-48, section 8.3.117).
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

/// Renders the ladder as lines of text, `width` columns wide (wider if there are many nodes).
pub fn text(ladder: &Ladder, width: usize, colour: bool) -> String {
    let sheet = TextSheet::new(ladder, width);
    let mut lines = sheet.head(ladder);
    for row in &ladder.rows {
        match row {
            LadderRow::Packet(packet) => lines.extend(sheet.packet(packet, ladder)),
            LadderRow::State(state) => lines.push(sheet.state(state)),
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

/// The layout of a ladder.
struct TextSheet {
    width: usize,
    /// Column of each node's line.
    columns: Vec<usize>,
}

/// A line under construction.
#[derive(Debug, Clone, Default)]
struct SheetLine(Vec<(char, Tone)>);

impl SheetLine {
    /// Writes over the existing characters.
    fn put(&mut self, at: usize, text: &str, tone: Tone) {
        // Names come from files and must not control the terminal.
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

    /// Returns the head: the connection, its outcome, its addresses, and the names of the nodes.
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
        let notes = ladder.notes.iter();
        notes
            .flat_map(|note| {
                let wrapped = wrap(note, Some(self.width.saturating_sub(2)))
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

    /// Returns the line of a state: `0.000099 ESTABLISHED  │ ≠ the ends disagree for 7 ms`.
    fn state(&self, state: &StateRow) -> SheetLine {
        let mut line = self.lifelines();
        // Further to the left than that of a packet, because the state follows.
        let time = format!("{:9.6}", state.time.as_secs_f64());
        line.put(0, &time, Tone::Faint);
        let last = self.columns.last().copied().unwrap_or(LEFT);
        let at = [LEFT - 12, last + 2][state.side];
        line.put(at, &state.state.to_string(), Tone::Strong);
        let (said, tone) = about(state);
        if !said.is_empty() {
            line.put(self.columns[0] + 1, &format!(" {said} "), tone);
        }
        line
    }

    /// Returns the lines of a packet: its label, its arrows, and the reason if it was lost.
    fn packet(&self, packet: &PacketRow, ladder: &Ladder) -> Vec<SheetLine> {
        let tone = match (&packet.fate, packet.is_notable()) {
            (PacketFate::Vanished { .. }, _) => Tone::Lost,
            (_, true) => Tone::Again,
            (_, false) => Tone::Plain,
        };
        let mut lines = vec![self.label(packet, tone), self.arrows(packet, tone)];
        if let PacketFate::Vanished { at, reason } = &packet.fate {
            let said = loss(*at, reason.as_ref(), ladder);
            let from = self.columns[0] + 2;
            for part in wrap(&said, Some(self.width.saturating_sub(from))) {
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

    /// Draws `├────9 µs───►│`, or `├─────✗` if the packet did not arrive.
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

/// Returns the label of a packet: `SYN retry 1, seq 0`, `PSH-ACK seq 1:513 ack 1 len 512`, `PSH-ACK HTTP 503, len 79`,
/// `UDP len 28`.
pub(super) fn label(packet: &PacketRow) -> String {
    if packet.datagram {
        return format!("UDP len {}", packet.length);
    }
    let mut label = packet.flags.to_string();
    if let Some(mark) = &packet.mark {
        label.push_str(&format!(" {mark},"));
    }
    if let Some(status) = packet.status {
        // The numbers would not fit beside it.
        return format!("{label} HTTP {status}, len {}", packet.length);
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

/// Describes a loss: `✗ lost in nat: table full, counted in nat.conntrack.drop`.
pub(super) fn loss(at: LossPoint, reason: Option<&LossReason>, ladder: &Ladder) -> String {
    let last = ladder.nodes.len().saturating_sub(1);
    let place = match at {
        LossPoint::Node(node) if node == last => format!("ignored by {}", ladder.nodes[node]),
        LossPoint::Node(node) => format!("lost in {}", ladder.nodes[node]),
        LossPoint::Link(link) => format!(
            "lost between {} and {}",
            ladder.nodes[link],
            ladder.nodes[link + 1]
        ),
    };
    match reason {
        Some(reason) => format!("✗ {place}: {reason}"),
        None => format!("✗ {place}: the record shows no reason"),
    }
}

/// Describes what is special about a state: that it is inferred, and that the ends disagree from then on.
fn about(state: &StateRow) -> (String, Tone) {
    let tone = if state.disagreement.is_some() {
        Tone::Again
    } else {
        Tone::Faint
    };
    (about_state(state), tone)
}

/// Describes what is special about a state, without its tone.
pub(super) fn about_state(state: &StateRow) -> String {
    let apart = state
        .disagreement
        .map(|disagreement| match disagreement.lasts {
            Some(lasts) => format!("≠ the ends disagree for {}", brief(lasts)),
            None => "≠ the ends disagree from here on".to_owned(),
        });
    let parts: Vec<String> = apart
        .into_iter()
        .chain(state.inferred.then(|| "inferred".to_owned()))
        .collect();
    parts.join(", ")
}
