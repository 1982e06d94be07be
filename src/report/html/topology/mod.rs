//! The topology of a run: a drawing of its nodes and links, and a table.

mod contents;
mod draw;
mod layout;
mod link;
mod table;

use maud::{Markup, html};

use crate::scenario::RunSpec;
use crate::units::show;

/// Nodes up to which the drawing shows everything; beyond, only names, with the rest in the table.
const MOST_IN_FULL: usize = 12;
/// Nodes up to which there is a drawing.
const MOST_DRAWN: usize = 100;

/// Renders the drawing, folded unless it is the first of its scenario, and the table.
pub(super) fn topology(id: &str, spec: &RunSpec, open: bool) -> Markup {
    let topology = &spec.topology;
    let nodes = topology.nodes.len();
    html! {
        @if nodes > 0 {
            details class="topology" open[open] {
                summary {
                    "Topology: " (show::counted(nodes, "node")) ", "
                    (show::counted(topology.links.len(), "link"))
                }
                @if nodes <= MOST_DRAWN {
                    figure class="wide" { (draw::picture(id, spec, nodes <= MOST_IN_FULL)) }
                }
                (table::table(spec, nodes > MOST_DRAWN))
            }
        }
    }
}
