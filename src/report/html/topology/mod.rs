//! Where a run happened: a picture of its nodes and links, and the same as a table.

mod contents;
mod draw;
mod layout;
mod table;

use maud::{Markup, html};

use crate::scenario::RunSpec;

/// Nodes up to which everything is in the picture; beyond, only names, and the rest is in the table.
const MOST_IN_FULL: usize = 12;
/// Nodes up to which there is a picture at all.
const MOST_DRAWN: usize = 100;

/// The picture, folded where it is not the first of its scenario, and the table.
pub(super) fn topology(id: &str, spec: &RunSpec, open: bool) -> Markup {
    let topology = &spec.topology;
    let nodes = topology.nodes.len();
    html! {
        @if nodes > 0 {
            details class="topology" open[open] {
                summary {
                    "Topology: " (super::summary::plural(nodes, "node")) ", "
                    (super::summary::plural(topology.links.len(), "link"))
                }
                @if nodes <= MOST_DRAWN {
                    figure class="wide" { (draw::picture(id, spec, nodes <= MOST_IN_FULL)) }
                }
                (table::table(spec, nodes > MOST_DRAWN))
            }
        }
    }
}
