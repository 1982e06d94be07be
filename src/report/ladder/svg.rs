//! The ladder as one SVG element for an HTML page. It has no script and no style of its own, because the page's policy
//! forbids inline styles. The style sheet colours the classes `lost`, `again`, `faint`, and for text `name`, `transit`.

use std::fmt::Write;

use super::text::{about_state, label, loss};
use crate::ladder::{Hop, Ladder, LadderRow, LossPoint, PacketFate, PacketRow, StateRow};
use crate::report::printable::one_line;
use crate::units::show::brief;

/// Width before the client's line: time and state.
const LEFT: usize = 190;
/// Width after the server's line: its state.
const RIGHT: usize = 120;
/// Distance between two lines: room for `PSH-ACK retransmission, seq 1:1449 ack 1 len 1448` over two of them.
const STEP: usize = 210;
/// Height of a packet: a line of text and an arrow with its time.
const PACKET: usize = 40;
const LINE: usize = 18;

/// Width of a character in a monospaced font of 12 pixels, rounded up: most are 0.6 em wide, a few wider.
const LETTER: usize = 8;

const LOST: &str = "lost";
const AGAIN: &str = "again";
const FAINT: &str = "faint";
const PLAIN: &str = "plain";

/// Returns the ladder as an `<svg>` element.
pub fn svg(ladder: &Ladder) -> String {
    let mut sheet = SvgSheet::new(ladder);
    sheet.names(ladder);
    for row in &ladder.rows {
        match row {
            LadderRow::Packet(packet) => sheet.packet(packet, ladder),
            LadderRow::State(state) => sheet.state(state),
            LadderRow::LeftOut(count) => {
                sheet.text(LEFT + 8, LINE, FAINT, &format!("… {count} packets …"));
                sheet.y += LINE + 6;
            }
        }
    }
    sheet.finish(ladder)
}

struct SvgSheet {
    columns: Vec<usize>,
    body: String,
    /// Top of the next row.
    y: usize,
    /// Right edge of the longest text.
    width: usize,
}

impl SvgSheet {
    fn new(ladder: &Ladder) -> Self {
        let nodes = 0..ladder.nodes.len();
        Self {
            columns: nodes.map(|node| LEFT + node * STEP).collect(),
            body: String::new(),
            y: LINE + 10,
            width: 0,
        }
    }

    fn last(&self) -> usize {
        self.columns.last().copied().unwrap_or(LEFT)
    }

    fn names(&mut self, ladder: &Ladder) {
        for (node, x) in ladder.nodes.iter().zip(self.columns.clone()) {
            self.anchored(x, LINE, ("middle", "name"), node.as_str());
        }
        let y = LINE;
        self.anchored(4, y, ("start", FAINT), "seconds");
    }

    fn state(&mut self, state: &StateRow) {
        let time = format!("{:.6}", state.time.as_secs_f64());
        let y = self.y + 14;
        self.anchored(78, y, ("end", FAINT), &time);
        let x = [LEFT - 100, self.last() + 10][state.side];
        self.anchored(x, y, ("start", "name"), &state.state.to_string());
        let said = about_state(state);
        let tone = if state.disagreement.is_some() {
            AGAIN
        } else {
            FAINT
        };
        self.anchored(self.columns[0] + 8, y, ("start", tone), &said);
        self.y += LINE + 4;
    }

    fn packet(&mut self, packet: &PacketRow, ladder: &Ladder) {
        let top = self.y;
        let tone = match (&packet.fate, packet.is_notable()) {
            (PacketFate::Vanished { .. }, _) => LOST,
            (_, true) => AGAIN,
            (_, false) => PLAIN,
        };
        let time = format!("{:.6}", packet.time.as_secs_f64());
        self.anchored(78, top + 14, ("end", FAINT), &time);
        let sender = packet.hops.first().map_or(0, |hop| {
            if packet.forward {
                hop.link
            } else {
                hop.link + 1
            }
        });
        let x = self.columns[sender];
        let (x, anchor) = if packet.forward {
            (x + 8, "start")
        } else {
            (x.saturating_sub(8), "end")
        };
        self.anchored(x, top + 14, (anchor, tone), &label(packet));
        for hop in &packet.hops {
            self.arrow(hop, packet, top + 24, tone);
        }
        let states = packet.states.iter().zip([LEFT - 100, self.last() + 10]);
        for (state, x) in states {
            if let Some(state) = state {
                self.anchored(x, top + 28, ("start", PLAIN), &state.to_string());
            }
        }
        self.y += PACKET;
        if let PacketFate::Vanished { at, reason } = &packet.fate {
            if let LossPoint::Node(node) = at {
                self.cross(self.columns[*node], top + 24);
            }
            let said = loss(*at, reason.as_ref(), ladder);
            self.text(LEFT + 8, LINE - 4, LOST, &said);
            self.y += LINE;
        }
    }

    fn arrow(&mut self, hop: &Hop, packet: &PacketRow, y: usize, tone: &str) {
        let (left, right) = (self.columns[hop.link], self.columns[hop.link + 1]);
        let middle = left.midpoint(right);
        let (from, to) = match (packet.forward, hop.arrived) {
            (true, true) => (left, right),
            (false, true) => (right, left),
            (true, false) => (left, middle),
            (false, false) => (right, middle),
        };
        let back = if packet.forward {
            to.saturating_sub(8)
        } else {
            to + 8
        };
        let _infallible = write!(
            self.body,
            "<path class=\"{tone}\" d=\"M{from} {y}H{to}L{back} {}V{}L{to} {y}\"></path>",
            y - 4,
            y + 4
        );
        if !hop.arrived && matches!(packet.fate, PacketFate::Vanished { .. }) {
            self.cross(to, y);
        }
        if let Some(transit) = hop.transit {
            self.anchored(middle, y + 12, ("middle", "transit"), &brief(transit));
        }
    }

    fn cross(&mut self, x: usize, y: usize) {
        let (left, right, top, bottom) = (x - 6, x + 6, y - 6, y + 6);
        let _infallible = write!(
            self.body,
            "<path class=\"cross\" d=\"M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}\"></path>"
        );
    }

    fn text(&mut self, x: usize, below: usize, tone: &str, text: &str) {
        self.anchored(x, self.y + below, ("start", tone), text);
    }

    fn anchored(&mut self, x: usize, y: usize, (anchor, class): (&str, &str), text: &str) {
        if anchor == "start" {
            self.width = self.width.max(x + text.chars().count() * LETTER);
        }
        let text = escaped(text);
        let _infallible = write!(
            self.body,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    fn finish(self, ladder: &Ladder) -> String {
        let width = self.width.max(self.last() + RIGHT);
        let height = self.y + 8;
        let title = format!(
            "Packets of {}, attempt {} of {}: {} ({})",
            ladder.client,
            ladder.attempt,
            ladder.attempts,
            ladder.outcome,
            if ladder.traced {
                "states are the kernel's own, unless marked as inferred"
            } else {
                "states are inferred from the packets"
            }
        );
        let mut lines = String::new();
        for x in &self.columns {
            let _infallible = write!(lines, "<path class=\"life\" d=\"M{x} 26V{height}\"></path>");
        }
        format!(
            "<svg class=\"ladder\" role=\"img\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\
             <title>{}</title>{lines}{}</svg>",
            escaped(&title),
            self.body
        )
    }
}

/// Escapes text for XML 1.0 and replaces characters that it forbids.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for symbol in one_line(text).chars() {
        match symbol {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            symbol => escaped.push(symbol),
        }
    }
    escaped
}
