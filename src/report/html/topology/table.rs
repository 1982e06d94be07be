//! The topology as a table, for readers who cannot see the drawing and for what does not fit into it.

use maud::{Markup, html};

use super::{contents, draw};
use crate::scenario::RunSpec;

/// Renders nodes with their interfaces and contents; folded unless it replaces the drawing.
pub(super) fn table(spec: &RunSpec, open: bool) -> Markup {
    html! {
        details class="values" open[open] {
            summary { "Nodes and addresses" }
            div class="wide" {
                table {
                    thead { tr {
                        th scope="col" { "Node" }
                        th scope="col" { "Interfaces" }
                        th scope="col" { "Contents" }
                    } }
                    tbody {
                        @for (name, node) in &spec.topology.nodes {
                            tr {
                                th scope="row" { (name) }
                                td {
                                    @for interface in &node.interfaces {
                                        span class="observed" {
                                            code {
                                                (interface.name)
                                                @for address in &interface.addresses { " " (address) }
                                            }
                                            " to " (interface.peer)
                                            @let link = spec.topology.links.get(interface.link);
                                    @if let Some(words) = link.and_then(draw::words) {
                                                " (" (words) ")"
                                            }
                                        }
                                    }
                                }
                                td {
                                    @for line in contents::lines(spec, name, node) {
                                        span class="observed" { (line.text) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
