//! One picture of a run: nodes with their sockets, levels against their limits, curves of what expectations name, and
//! the latest events.

use std::time::Duration;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use crate::metrics::kernel_counters;
use crate::record::{KernelEvent, KernelFact, Offset, Series, SeriesKind, Timeline, drop_text};
use crate::report::one_line;
use crate::report::terminal::spark;
use crate::scenario::RunSpec;
use crate::suite::PaceSetting;
use crate::tcp::TcpState;
use crate::units::show::brief;

/// Columns of a bar or curve.
const BAR: usize = 20;
/// Ends of the names of series that have a limit, with the ends of the names of these limits.
const LIMITS: [(&str, &str); 2] = [
    (".accept_queue", ".accept_queue.limit"),
    (".conntrack.entries", ".conntrack.max"),
];

/// A run in progress, and its place in the suite.
#[derive(Debug, Clone, Copy)]
pub(super) struct WatchedRun<'a> {
    pub(super) spec: &'a RunSpec,
    pub(super) timeline: &'a Timeline,
    pub(super) ended: usize,
    pub(super) runs: usize,
    /// The number of other runs in progress.
    pub(super) beside: usize,
    /// The pace, if the run is in virtual time.
    pub(super) pace: Option<PaceSetting>,
}

/// Draws a run.
pub(super) fn draw(frame: &mut Frame<'_>, run: &WatchedRun<'_>) {
    let (nodes, levels, curves) = (nodes(run), levels(run.timeline), curves(run));
    let height = |lines: &Vec<Line<'_>>| match lines.len() {
        0 => 0,
        lines => lines + 1,
    };
    // Events have at least a quarter of the screen.
    let room = usize::from(frame.area().height).saturating_sub(2) * 3 / 4;
    let mut heights = [height(&nodes), height(&levels), height(&curves)];
    while heights.iter().sum::<usize>() > room {
        let most = heights.iter_mut().max();
        most.into_iter().for_each(|most| *most -= 1);
    }
    let [nodes_high, levels_high, curves_high] =
        heights.map(|height| Constraint::Length(u16::try_from(height).unwrap_or(u16::MAX)));
    let areas = Layout::vertical([
        Constraint::Length(1),
        nodes_high,
        levels_high,
        curves_high,
        Constraint::Min(0),
        Constraint::Length(1),
    ]);
    let [top, of_nodes, of_levels, of_curves, of_events, bottom] = areas.areas(frame.area());
    frame.render_widget(Line::styled(title(run), bold()), top);
    part(
        frame,
        of_nodes,
        ("nodes and their TCP sockets", false),
        nodes,
    );
    part(frame, of_levels, ("levels and their limits", false), levels);
    part(frame, of_curves, ("named by expectations", false), curves);
    let many = usize::from(of_events.height).saturating_sub(1);
    if run.timeline.traced.is_empty() {
        let text = "latest changes of counters (--trace shows states and drops)";
        part(frame, of_events, (text, false), counter_changes(run, many));
    } else {
        // Windows would push out all else.
        let is_shown = |event: &&KernelEvent| {
            !matches!(event.what, KernelFact::Window { .. }) && !event.what.is_cleanup()
        };
        let events = run.timeline.traced.iter().rev().filter(is_shown).take(many);
        let events = events.map(|event| Line::raw(event_text(event))).collect();
        part(
            frame,
            of_events,
            ("latest events of the kernel", true),
            events,
        );
    }
    let next = if run.beside > 0 {
        "  Tab: next run"
    } else {
        ""
    };
    let keys = match run.pace {
        Some(pace) => keys_of(pace, run.beside > 0),
        None => format!("q: leave this view  Ctrl-C: stop the run{next}"),
    };
    frame.render_widget(Line::styled(keys, faint()), bottom);
}

/// Draws the last picture with another bottom line.
pub(super) fn redraw(frame: &mut Frame<'_>, picture: &Buffer, text: &str) {
    let area = frame.area();
    let lines = (0..area.height).filter(|_| picture.area == area);
    for y in lines {
        for x in 0..area.width {
            if let (Some(from), Some(to)) =
                (picture.cell((x, y)), frame.buffer_mut().cell_mut((x, y)))
            {
                *to = from.clone();
            }
        }
    }
    let bottom = Rect {
        y: area.bottom().saturating_sub(1),
        height: area.height.min(1),
        ..area
    };
    let text = format!("{text:0$}", usize::from(area.width));
    frame.render_widget(Line::styled(text, faint()), bottom);
}

/// Returns the bottom line for a run in virtual time: its pace, and the keys.
pub(super) fn keys_of(pace: PaceSetting, has_more: bool) -> String {
    let (now, space) = match pace {
        PaceSetting { paused: true, .. } => ("paused".to_owned(), "resume"),
        PaceSetting { slowness: None, .. } => ("full speed".to_owned(), "pause"),
        PaceSetting {
            slowness: Some(1), ..
        } => ("real time".to_owned(), "pause"),
        PaceSetting {
            slowness: Some(slowness),
            ..
        } => (format!("{slowness} times slower"), "pause"),
    };
    let next = if has_more { "  Tab: next" } else { "" };
    format!("{now}  Space: {space}  .: step  - +: pace  q: leave  Ctrl-C: stop{next}")
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn faint() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// Draws lines below a heading; the last one says how many did not fit.
fn part(
    frame: &mut Frame<'_>,
    area: Rect,
    (heading, wraps): (&str, bool),
    mut lines: Vec<Line<'_>>,
) {
    if area.height == 0 {
        return;
    }
    let room = usize::from(area.height) - 1;
    if lines.len() > room && room > 0 {
        let more = lines.len() + 1 - room;
        lines.truncate(room - 1);
        lines.push(Line::styled(format!("... {more} more"), faint()));
    }
    lines.insert(0, Line::styled(heading.to_owned(), bold()));
    // A drop with its bound may be longer than a line of 80 columns.
    let text = Paragraph::new(lines);
    let text = match wraps {
        true => text.wrap(Wrap { trim: false }),
        false => text,
    };
    frame.render_widget(text, area);
}

fn title(run: &WatchedRun<'_>) -> String {
    let time = match (&run.timeline.built, run.timeline.held_since) {
        (None, _) => "building".to_owned(),
        (Some(_), Some(_)) => format!("ended, lab kept, {}", run.timeline.now),
        (Some(_), None) => run.timeline.now.to_string(),
    };
    let (ended, runs) = (run.ended, run.runs);
    format!("{}  {time}  ({ended} of {runs} runs ended)", run.spec.id)
}

/// Returns a line for each node: its neighbours, and its sockets by state.
fn nodes<'a>(run: &WatchedRun<'a>) -> Vec<Line<'a>> {
    let topology = &run.spec.topology;
    let width = topology.nodes.keys().map(|node| node.as_str().len()).max();
    let line = |node: &'a crate::names::NodeName| {
        let states = TcpState::LISTED.into_iter().filter_map(|state| {
            let count = last(run.timeline, &format!("{node}.tcp.{state}"))?;
            (count > 0).then(|| format!("{state} {count}"))
        });
        let states: Vec<String> = states.collect();
        let links = topology.links.iter().filter_map(|link| {
            let [one, other] = &link.between;
            match node {
                _ if node == one => Some(other.as_str()),
                _ if node == other => Some(one.as_str()),
                _ => None,
            }
        });
        let links: Vec<&str> = links.collect();
        Line::from(vec![
            Span::raw(format!("{node:0$} ", width.unwrap_or(0))),
            Span::styled(format!("({})  ", links.join(", ")), faint()),
            Span::raw(states.join("  ")),
        ])
    };
    topology.nodes.keys().map(line).collect()
}

fn last(timeline: &Timeline, name: &str) -> Option<i64> {
    timeline.series(name)?.last()
}

/// Returns a bar for each recorded series with a limit: queues, tables, ports.
fn levels(timeline: &Timeline) -> Vec<Line<'static>> {
    let limited = timeline.all_series().filter_map(|series| {
        let name = series.declaration.name.as_str();
        let limit = match name.split_once(".ports.to.") {
            Some((node, _)) => format!("{node}.ports.range"),
            None => {
                let (end, limit) = LIMITS.iter().find(|(end, _)| name.ends_with(end))?;
                format!("{}{limit}", name.strip_suffix(end)?)
            }
        };
        let (level, limit) = (series.last()?, last(timeline, &limit)?);
        let share = (level as f64 / limit.max(1) as f64).clamp(0.0, 1.0);
        let full = (share * BAR as f64).round() as usize;
        let bar = "█".repeat(full) + &"░".repeat(BAR - full);
        let unit = series.declaration.unit;
        let (level, limit) = (unit.written(level), unit.written(limit));
        Some(Line::raw(format!("{bar} {name} {level} of {limit}")))
    });
    limited.collect()
}

/// Returns a curve for each series that expectations name, with the expectation.
fn curves(run: &WatchedRun<'_>) -> Vec<Line<'static>> {
    let named = run.spec.watched.iter();
    let curve = |series: &Series| {
        let name = &series.declaration.name;
        let curve = spark::blocks(series, run.timeline.now, BAR);
        let value = series.declaration.unit.written(series.last()?);
        let mut expectations = run.spec.expect.iter().filter(|expectation| {
            let mut metrics = expectation.metrics().into_iter();
            metrics.any(|metric| metric.series == *name)
        });
        let expected = expectations.next().map(|it| one_line(&it.text).to_string());
        Some(Line::from(vec![
            Span::raw(format!("{curve} {name} {value}  ")),
            Span::styled(expected.unwrap_or_default(), faint()),
        ]))
    };
    let numbers = named.filter_map(|name| {
        let series = run.timeline.series(name.as_str())?;
        let kind = series.declaration.kind;
        matches!(kind, SeriesKind::Counter | SeriesKind::Gauge).then(|| curve(series))?
    });
    numbers.collect()
}

/// Returns the counters of the kernel that changed last, latest first.
fn counter_changes(run: &WatchedRun<'_>, many: usize) -> Vec<Line<'static>> {
    let counters = run.timeline.all_series().filter_map(|series| {
        let name = series.declaration.name.as_str();
        let (_, counter) = name.split_once('.')?;
        let [.., (_, before), (t, value)] = series.changes.as_slice() else {
            return None;
        };
        kernel_counters::is_spelled_like_one(counter).then_some((*t, name, value - before, *value))
    });
    let mut counters: Vec<(Offset, &str, i64, i64)> = counters.collect();
    counters.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let line = |(t, name, by, value)| Line::raw(format!("{t} {name} {by:+} ({value})"));
    counters.into_iter().take(many).map(line).collect()
}

fn event_text(event: &KernelEvent) -> String {
    let address = |it: Option<std::net::SocketAddr>| it.map_or("?".to_owned(), |it| it.to_string());
    let (t, node) = (event.t, &event.node);
    let (local, peer) = (address(event.local), address(event.peer));
    let what = match &event.what {
        KernelFact::State { from, to } => format!("{from} → {to}"),
        KernelFact::Drop {
            reason,
            flags,
            bound,
            ..
        } => {
            let packet = flags.as_deref().unwrap_or("a packet");
            let text = drop_text(reason, bound.as_ref());
            // The destination is on the node, and 80 columns are not enough for it.
            return format!("{t} {node} dropped {packet} {peer}: {text}");
        }
        KernelFact::Retransmission => "sent a segment again".to_owned(),
        KernelFact::ResetSent {
            reason: Some(reason),
        } => format!("sent RST: {reason}"),
        KernelFact::ResetSent { reason: None } => "sent RST".to_owned(),
        KernelFact::ResetReceived => "received RST".to_owned(),
        KernelFact::Window { cwnd, srtt, .. } => {
            let srtt = brief(Duration::from_nanos(*srtt));
            format!("cwnd {cwnd}, srtt {srtt}")
        }
    };
    format!("{t} {node} {local} – {peer} {what}")
}
