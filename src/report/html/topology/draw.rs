//! The drawing of a topology: a box for each node with a row for each of its links, and lines between the rows.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::contents::{self, NodeLine};
use super::layout;
use super::link::{self, Area, LinkAnchor, LinkCurve};
use crate::names::NodeName;
use crate::scenario::RunSpec;
use crate::scenario::topology::{ImpairedBy, Impairment, LinkSpec};

/// Width of a character (11 units of a monospaced font).
const LETTER: f64 = 6.7;
const ROW: f64 = 17.0;
const HEAD: f64 = 26.0;
const MARGIN: f64 = 8.0;
/// Vertical space between boxes, with rows and without.
const BETWEEN: [f64; 2] = [18.0, 8.0];
/// Characters of a row before it is cut.
const LONGEST_ROW: usize = 32;
/// Nodes in a column before it is split.
const LONGEST_COLUMN: usize = 20;
/// Width of a character of a node's name (13 units, bold).
const NAME_LETTER: f64 = 8.4;
/// Distance of columns whose links have no labels.
const NARROWEST_GAP: f64 = 64.0;
/// Width up to which a drawing is scaled to the page; a wider one keeps its size and scrolls.
const WIDEST_TO_FIT: f64 = 1300.0;

/// The box of a node.
#[derive(Debug)]
struct NodeBox<'a> {
    name: &'a NodeName,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    column: usize,
    nat: bool,
    ports: Vec<LinkEndBox>,
    lines: Vec<NodeLine>,
}

impl NodeBox<'_> {
    fn area(&self) -> Area {
        Area {
            x: self.x,
            y: self.y,
            width: self.width,
            height: self.height,
        }
    }
}

/// A link with its curve, and its label with the place of that.
#[derive(Debug)]
struct DrawnLink {
    index: usize,
    curve: LinkCurve,
    label: Option<(String, Area)>,
}

/// A row of a box: one end of a link.
#[derive(Debug)]
struct LinkEndBox {
    link: usize,
    text: String,
    /// True if the link leaves to the left.
    left: bool,
}

/// Draws the topology; if not `full`, only names.
pub(super) fn picture(id: &str, spec: &RunSpec, full: bool) -> Markup {
    let columns = layout::columns(spec, LONGEST_COLUMN);
    let labels: Vec<Option<String>> = spec
        .topology
        .links
        .iter()
        .map(|link| words(link).map(|words| link::label(&words)))
        .collect();
    let between = BETWEEN[usize::from(!full)];
    let boxes = boxes(spec, &columns, full);
    let gaps = gaps(spec, &boxes, &columns, &labels);
    let boxes = place(boxes, &columns, &gaps, between);
    let right = boxes
        .iter()
        .map(|each| each.x + each.width)
        .fold(0.0, f64::max);
    let foot = boxes
        .iter()
        .map(|each| each.y + each.height)
        .fold(0.0, f64::max);
    let links = links(spec, &boxes, labels);
    let areas = links.iter().filter_map(|link| link.label.as_ref());
    let label_edges = areas.map(|(_, area)| (area.x + area.width, area.y + area.height));
    // Links between nodes of one column curve to the right.
    let edges = (right + 0.5 * NARROWEST_GAP, foot);
    let edges = label_edges.fold(edges, |edges, label| {
        (edges.0.max(label.0), edges.1.max(label.1))
    });
    let (width, height) = ((edges.0 + 2.0).ceil(), (edges.1 + 2.0).ceil());
    let (title, description) = (format!("{id}-topology-t"), format!("{id}-topology-d"));
    html! {
        svg class={ "topology" @if width <= WIDEST_TO_FIT { " fit" } @if !full { " names" } }
            viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height) role="img"
            aria-labelledby=(title) aria-describedby=(description)
        {
            title id=(title) { "Topology" }
            desc id=(description) { (description_of(spec)) }
            @for link in &links { (draw_link(link, spec)) }
            @for each in &boxes { (draw_box(each)) }
        }
    }
}

/// Returns the space after each column, in which the labels of its links to the right have room.
fn gaps(
    spec: &RunSpec,
    boxes: &[NodeBox<'_>],
    columns: &[Vec<usize>],
    labels: &[Option<String>],
) -> Vec<f64> {
    let mut gaps = vec![NARROWEST_GAP; columns.len()];
    for (link, label) in spec.topology.links.iter().zip(labels) {
        let column = |name| {
            let node = boxes.get(spec.topology.nodes.get_index_of(name)?)?;
            Some(node.column)
        };
        let ends = link.between.each_ref().map(column);
        let (Some(label), [Some(one), Some(other)]) = (label, ends) else {
            continue;
        };
        // A label between nodes of one column is beside its curve.
        let room = if one == other { 60.0 } else { 30.0 };
        if let Some(gap) = gaps.get_mut(one.min(other)) {
            *gap = gap.max(link::width(label) + room);
        }
    }
    gaps
}

fn boxes<'a>(spec: &'a RunSpec, columns: &[Vec<usize>], full: bool) -> Vec<NodeBox<'a>> {
    let mut places = BTreeMap::new();
    for (column, nodes) in columns.iter().enumerate() {
        for (row, node) in nodes.iter().enumerate() {
            places.insert(*node, (column, row));
        }
    }
    spec.topology
        .nodes
        .iter()
        .enumerate()
        .map(|(index, (name, node))| {
            let column = places.get(&index).map_or(0, |place| place.0);
            let mut ports: Vec<((bool, Option<usize>), LinkEndBox)> = Vec::new();
            for interface in node.interfaces.iter().filter(|_| full) {
                let peer = spec.topology.nodes.get_index_of(&interface.peer);
                let peer = peer.and_then(|peer| places.get(&peer));
                let left = peer.is_some_and(|peer| peer.0 < column);
                let port = LinkEndBox {
                    link: interface.link,
                    text: contents::interface(interface),
                    left,
                };
                ports.push(((!left, peer.map(|peer| peer.1)), port));
            }
            ports.sort_by_key(|(key, _)| *key);
            NodeBox {
                name,
                x: 0.0,
                y: 0.0,
                width: 0.0,
                height: 0.0,
                column,
                nat: !node.nat.is_empty(),
                ports: ports.into_iter().map(|(_, port)| port).collect(),
                lines: if full {
                    contents::lines(spec, name, node)
                } else {
                    Vec::new()
                },
            }
        })
        .collect()
}

/// Gives every box its size and position. Boxes of a column are as wide as the widest; columns are centred.
fn place<'a>(
    mut boxes: Vec<NodeBox<'a>>,
    columns: &[Vec<usize>],
    gaps: &[f64],
    between: f64,
) -> Vec<NodeBox<'a>> {
    for each in &mut boxes {
        let rows = each.ports.iter().map(|port| &port.text);
        let rows = rows.chain(each.lines.iter().map(|line| &line.text));
        let longest = rows.map(|row| row.chars().count().min(LONGEST_ROW)).max();
        let name = each.name.as_str().chars().count().min(LONGEST_ROW);
        let badge = if each.nat { 40.0 } else { 0.0 };
        let head = NAME_LETTER * name as f64 + badge;
        each.width = 2.0 * MARGIN + head.max(LETTER * longest.unwrap_or(0) as f64);
        let rows = each.ports.len() + each.lines.len();
        each.height = HEAD
            + if rows > 0 {
                ROW * rows as f64 + 6.0
            } else {
                0.0
            };
    }
    let height_of = |column: &Vec<usize>, boxes: &[NodeBox<'_>]| {
        let heights: f64 = column.iter().map(|node| boxes[*node].height).sum();
        heights + between * column.len().saturating_sub(1) as f64
    };
    let tallest = columns
        .iter()
        .map(|column| height_of(column, &boxes))
        .fold(0.0, f64::max);
    let mut x = 1.0;
    for (column, gap) in columns.iter().zip(gaps) {
        let width = column
            .iter()
            .map(|node| boxes[*node].width)
            .fold(0.0, f64::max);
        let mut y = 1.0 + (tallest - height_of(column, &boxes)) / 2.0;
        for node in column {
            let each = &mut boxes[*node];
            (each.x, each.y, each.width) = (x, y, width);
            y += each.height + between;
        }
        x += width + gap;
    }
    boxes
}

fn draw_box(node: &NodeBox<'_>) -> Markup {
    let rows_from = node.y + HEAD;
    let row_y = |row: usize| rows_from + ROW * (row as f64 + 0.5);
    html! {
        g class={ "node" @if node.nat { " nat" } } {
            rect x=(node.x) y=(node.y) width=(node.width) height=(node.height) rx="5" {}
            text class="name" x=(node.x + MARGIN) y=(node.y + HEAD / 2.0) dy="0.35em" { (cut(node.name.as_str())) }
            @if node.nat {
                @let right = node.x + node.width - MARGIN;
            rect class="tag" x=(right - 30.0) y=(node.y + 6.0) width="30" height="15" rx="3" {}
                text class="tag" x=(right - 15.0) y=(node.y + 13.5) dy="0.35em" text-anchor="middle" { "NAT" }
            }
            @if !node.ports.is_empty() || !node.lines.is_empty() {
                line x1=(node.x) x2=(node.x + node.width) y1=(rows_from) y2=(rows_from) {}
            }
            @for (row, port) in node.ports.iter().enumerate() {
                @let x = if port.left { node.x + MARGIN } else { node.x + node.width - MARGIN };
                @let anchor = if port.left { "start" } else { "end" };
                text class="port" x=(x) y=(row_y(row)) dy="0.35em" text-anchor=(anchor) {
                    (cut(&port.text))
                }
                circle cx=(if port.left { node.x } else { node.x + node.width }) cy=(row_y(row)) r="3" {}
            }
            @for (row, line) in node.lines.iter().enumerate() {
                text class=(line.kind.class()) x=(node.x + MARGIN) y=(row_y(node.ports.len() + row)) dy="0.35em" {
                    title { (line.text) }
                    (cut(&line.text))
                }
            }
        }
    }
}

/// Finds the curve of each link and a place for its label, which no box and no other label takes.
fn links(spec: &RunSpec, boxes: &[NodeBox<'_>], labels: Vec<Option<String>>) -> Vec<DrawnLink> {
    let mut taken: Vec<Area> = boxes.iter().map(NodeBox::area).collect();
    let links = spec.topology.links.iter().zip(labels).enumerate();
    let drawn = links.filter_map(|(index, (link, label))| {
        let end = |name: &NodeName, side: usize| {
            let node = boxes.get(spec.topology.nodes.get_index_of(name)?)?;
            let peer = boxes.get(spec.topology.nodes.get_index_of(&link.between[1 - side])?)?;
            let left = peer.column < node.column;
            // If a node is linked to itself or twice to the same neighbour, each end takes its own row.
            let row = node.ports.iter().position(|port| port.link == index);
            let y = match row {
                Some(row) => node.y + HEAD + ROW * (row as f64 + 0.5),
                None => node.y + node.height / 2.0,
            };
            let x = if left { node.x } else { node.x + node.width };
            Some(LinkAnchor { x, y, left })
        };
        let curve = LinkCurve::between(end(&link.between[0], 0)?, end(&link.between[1], 1)?);
        let label = label.map(|label| {
            let area = curve.label(link::width(&label), &taken);
            taken.push(area);
            (label, area)
        });
        Some(DrawnLink {
            index,
            curve,
            label,
        })
    });
    drawn.collect()
}

fn draw_link(drawn: &DrawnLink, spec: &RunSpec) -> Markup {
    let link = &spec.topology.links[drawn.index];
    let [a, b] = &link.between;
    html! {
        g class="link" data-link=(drawn.index) {
            title { (a) " to " (b) @if let Some(words) = words(link) { ": " (words) } }
            path d=(drawn.curve.path()) {}
            @if let Some((label, area)) = &drawn.label {
                text x=(area.x + area.width / 2.0) y=(area.y + area.height / 2.0) dy="0.35em" text-anchor="middle" {
                    (label)
                }
            }
        }
    }
}

/// Describes the impairment of a link: `5 ms ± 1 ms, 1% lost, 10,000,000 bit/s`.
pub(super) fn words(link: &LinkSpec) -> Option<String> {
    use crate::units::show::{bytes, grouped, seconds};
    let Impairment {
        delay,
        jitter,
        loss,
        rate,
        queue,
        reorder,
        duplicate,
    } = &link.impairment;
    let mut words = Vec::new();
    match (delay, jitter) {
        (Some(delay), Some(jitter)) => words.push(format!(
            "{} ± {}",
            seconds(delay.as_secs_f64()),
            seconds(jitter.as_secs_f64())
        )),
        (Some(delay), None) => words.push(seconds(delay.as_secs_f64())),
        (None, Some(jitter)) => words.push(format!("± {}", seconds(jitter.as_secs_f64()))),
        (None, None) => {}
    }
    words.extend(loss.map(|loss| format!("{}% lost", grouped(loss.as_fraction() * 100.0, 3))));
    words.extend(rate.map(|rate| format!("{} bit/s", grouped(rate.as_per_second(), 0))));
    words.extend(queue.map(|queue| format!("queue {}", bytes(queue.0 as f64))));
    let share = |share: &crate::units::Percent| grouped(share.as_fraction() * 100.0, 3);
    words.extend(
        reorder
            .as_ref()
            .map(|part| format!("{}% reordered", share(part))),
    );
    words.extend(
        duplicate
            .as_ref()
            .map(|part| format!("{}% twice", share(part))),
    );
    words.extend((link.by == ImpairedBy::Netem).then(|| "by netem".to_owned()));
    words.extend(link.faults.iter().map(|fault| fault.name.to_string()));
    words.extend(link.mtu.map(|mtu| format!("mtu {mtu}")));
    (!words.is_empty()).then(|| words.join(", "))
}

fn description_of(spec: &RunSpec) -> String {
    let links = spec.topology.links.iter();
    let links: Vec<String> = links
        .map(|link| format!("{} to {}", link.between[0], link.between[1]))
        .collect();
    format!(
        "Links: {}. Everything else is in the table below.",
        links.join(", ")
    )
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_ROW) {
        Some(_) => text.chars().take(LONGEST_ROW - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}
