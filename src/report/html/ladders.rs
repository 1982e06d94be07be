//! Ladders of connections, drawn from the captures of runs. The caller finds and reads the capture of each run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use maud::{Markup, PreEscaped, html};

use crate::ladder::{self, ConnectionChoice, Ladder, LadderError, LadderRow, PacketFate};
use crate::record::{Capture, Outcome};
use crate::report::ladder::svg;
use crate::suite::{RunResult, SuiteResult};

/// Maximum size of all ladders of a page in bytes; a ladder of 60 packets over three nodes takes about 30,000.
const HEAVIEST: usize = 1_000_000;

/// The ladders of a page, by the indices of scenario and run.
#[derive(Debug, Clone, Default)]
pub struct Ladders {
    runs: BTreeMap<(usize, usize), Vec<Part>>,
}

#[derive(Debug, Clone)]
enum Part {
    Picture {
        caption: String,
        notes: Vec<String>,
        of_interest: bool,
        svg: String,
    },
    Sentence(String),
}

impl Ladders {
    /// Draws the chosen connection, or one of each client, for every run with a capture. Runs that did not pass come
    /// first if there is not room for all.
    pub fn draw(
        result: &SuiteResult,
        which: Option<&ConnectionChoice>,
        mut open: impl FnMut(&Path) -> Result<Capture, String>,
    ) -> Self {
        let runs = result
            .scenarios
            .iter()
            .enumerate()
            .flat_map(|(scenario, each)| {
                each.runs
                    .iter()
                    .enumerate()
                    .map(move |(run, each)| ((scenario, run), each))
            });
        let captured = runs
            .filter_map(|(place, run)| Some((place, run, run.capture.as_ref().ok()?.as_deref()?)));
        let mut captured: Vec<_> = captured.collect();
        captured.sort_by_key(|(_, run, _)| run.verdict.outcome <= Outcome::NotApplicable);
        let mut room = HEAVIEST;
        let runs = captured.into_iter().map(|(place, run, path)| {
            let parts = match open(path).and_then(|capture| of_run(&capture, run, which)) {
                Ok(ladders) => ladders
                    .into_iter()
                    .map(|ladder| part(ladder, run, &mut room))
                    .collect(),
                Err(why) => vec![Part::Sentence(format!(
                    "No packets are shown: cannot {why}"
                ))],
            };
            (place, parts)
        });
        Self {
            runs: runs.collect(),
        }
    }

    /// Renders the section of one run.
    pub(super) fn section(&self, place: (usize, usize)) -> Markup {
        let parts = self.runs.get(&place).map(Vec::as_slice).unwrap_or_default();
        html! {
            @if !parts.is_empty() {
                h4 { "Packets" }
                @for part in parts {
                    @match part {
                        Part::Sentence(text) => p class="faint" { (text) },
                        Part::Picture { caption, notes, of_interest, svg } => {
                            details class="ladder" open[*of_interest] {
                                summary { (caption) }
                                div class="wide" tabindex="0" { (PreEscaped(svg)) }
                                @for note in notes { p class="faint" { (note) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn of_run(
    capture: &Capture,
    run: &RunResult,
    which: Option<&ConnectionChoice>,
) -> Result<Vec<Result<Ladder, LadderError>>, String> {
    match which {
        Some(which) => Ok(vec![ladder::draw(capture, &run.spec, &run.timeline, which)]),
        None => {
            ladder::draw_each(capture, &run.spec, &run.timeline).map_err(|error| error.to_string())
        }
    }
}

fn part(ladder: Result<Ladder, LadderError>, run: &RunResult, room: &mut usize) -> Part {
    let ladder = match ladder {
        Ok(ladder) => ladder,
        Err(error) => return Part::Sentence(format!("No packets are shown: cannot {error}")),
    };
    let svg = svg(&ladder);
    let Some(left) = room.checked_sub(svg.len()) else {
        return Part::Sentence(left_out(&ladder, run));
    };
    *room = left;
    let happened = |row: &LadderRow| match row {
        LadderRow::Packet(packet) => {
            packet.mark.is_some() || matches!(packet.fate, PacketFate::Vanished { .. })
        }
        LadderRow::State(state) => state
            .disagreement
            .is_some_and(|apart| apart.lasts.is_none()),
        LadderRow::LeftOut(_) => false,
    };
    Part::Picture {
        caption: caption(&ladder),
        of_interest: ladder.rows.iter().any(happened),
        notes: addresses(&ladder).into_iter().chain(ladder.notes).collect(),
        svg,
    }
}

fn caption(ladder: &Ladder) -> String {
    let began = ladder.began.map_or_else(String::new, |began| {
        format!(", started at {:.3} s", began.as_secs_f64())
    });
    format!(
        "{}, connection {} of {}: {}{began}",
        ladder.client, ladder.attempt, ladder.attempts, ladder.outcome
    )
}

/// Returns the addresses on each link: `client to nat: 10.0.0.1:40000 → 10.0.1.2:80`.
fn addresses(ladder: &Ladder) -> Vec<String> {
    let links = ladder.nodes.windows(2).zip(&ladder.links);
    let seen = links.filter(|(_, link)| !link.addresses.is_empty());
    let each = seen.map(|(nodes, link)| {
        let translated = if link.translated { " (translated)" } else { "" };
        format!(
            "{} to {}: {}{translated}",
            nodes[0],
            nodes[1],
            link.addresses.join(", ")
        )
    });
    each.collect()
}

/// Returns the sentence about a ladder that does not fit, with the command that draws it.
fn left_out(ladder: &Ladder, run: &RunResult) -> String {
    let record = match &run.record {
        Ok(Some(path)) => path.clone(),
        Ok(None) | Err(_) => PathBuf::from("RECORD"),
    };
    format!(
        "Left out to keep this page small: {}. Draw it with `nslab report {} --ladder {}:{}`.",
        caption(ladder),
        record.display(),
        ladder.client,
        ladder.attempt
    )
}
