//! Advice as one HTML document that opens from disk, without scripts or anything to load.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::words;
use crate::advise::{Advice, CurvePoint, EffectCurve, Experiment};
use crate::report::printable::printable;

/// Forbids scripts and loading (CSP Level 3, W3C).
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'";

const STYLE: &str = "\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .4rem .6rem; border-top: 1px solid #8884 }
td p { margin: 0 0 .3rem }
td:nth-child(3) { width: 30% }
code { font: .9em/1.4 ui-monospace, monospace; overflow-wrap: anywhere }
.word { font-weight: 600; white-space: nowrap }
.bad { color: light-dark(#b00020, #ff8a80) }
.helps { color: light-dark(#1b6e2c, #8fd69b) }
figure { margin: .3rem 0 }
figcaption { font-size: .85em }
.faint { opacity: .7 }";

/// Size of a chart, and the room for its dots, in pixels.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 96.0;
const MARGIN: f64 = 6.0;

/// Renders advice as HTML.
pub fn render(advice: &Advice) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "nslab advise: " (words::counts(advice)) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body(advice)) }
        }
    };
    // Control characters and those that reorder text do harm on a page too.
    printable(&page.into_string()).into_owned()
}

fn body(advice: &Advice) -> Markup {
    html! {
        h1 { (advice.sources.join(", ")) }
        p {
            "compared with " (words::reference(advice)) ": "
            (words::counts(advice))
            @if let Some(why) = advice.cut_short { "; cut short: " (why) }
        }
        table {
            thead { tr { th { "" } th { "line" } th { "" } th { "on this kernel" } } }
            tbody {
                @for line in &advice.lines {
                    @let ruling = line.ruling();
                    tr {
                        td class={ "word " (class(ruling.as_str(), line.is_bad())) } { (ruling.as_str()) }
                        td class="faint" {
                            @if advice.sources.len() > 1 { (line.entry.place) } @else { (line.entry.place.line) }
                        }
                        td { code { (line.entry.text) } }
                        td {
                            @for sentence in words::sentences(line, advice) { p { (sentence) } }
                            @for curve in line.experiments.iter().filter_map(|each| each.curve.as_ref()) {
                                (chart(curve))
                            }
                            @for experiment in &line.experiments { (records(experiment)) }
                        }
                    }
                }
                @for each in &advice.together {
                    @let word = each.answer().as_str();
                    tr {
                        td class={ "word " (class(word, word.contains("hurts"))) } { (word) }
                        td class="faint" { (words::lines(&each.lines, advice)) }
                        td { "together" }
                        td { p { (words::experiment(each, advice)) } (records(each)) }
                    }
                }
            }
        }
        footer class="faint" { p { "Written by nslab " (env!("CARGO_PKG_VERSION")) "." } }
    }
}

fn class(word: &str, bad: bool) -> &'static str {
    match (bad, word) {
        (true, _) => "bad",
        (false, "helps") => "helps",
        (false, _) => "",
    }
}

/// Draws the metric along the parameter: without the line dashed, with it solid. A dot is a run; the lines between dots
/// only guide the eye.
fn chart(curve: &EffectCurve) -> Markup {
    let all = || curve.points.iter();
    let highest = all().flat_map(|point| point.means).fold(0.0, f64::max);
    let (first, last) = all().fold((f64::INFINITY, 0.0_f64), |(low, high), point| {
        (low.min(point.quantity), high.max(point.quantity))
    });
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let place = |point: &CurvePoint, side: usize| {
        let x = MARGIN + share(point.quantity - first, last - first) * (WIDTH - 2.0 * MARGIN);
        let y = MARGIN + (1.0 - share(point.means[side], highest)) * (HEIGHT - 2.0 * MARGIN);
        (format!("{x:.1}"), format!("{y:.1}"))
    };
    let path = |side: usize| {
        let places = all().map(|point| place(point, side));
        let places: Vec<String> = places.map(|(x, y)| format!("{x},{y}")).collect();
        places.join(" ")
    };
    html! {
        figure {
            svg role="img" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) width=(WIDTH) height=(HEIGHT) {
                title { (curve.metric) " by " (curve.param) ": " (curve.range()) }
                @for (side, dashes) in [(0, "4 3"), (1, "none")] {
                    polyline points=(path(side)) fill="none" stroke="currentColor" stroke-dasharray=(dashes) {}
                    @for point in all() {
                        @let (x, y) = place(point, side);
                        circle cx=(x) cy=(y) r="3" fill="currentColor" {}
                    }
                }
            }
            figcaption class="faint" {
                (curve.metric) " by " (curve.along.as_ref().unwrap_or(&curve.param))
                ", without the line (dashed) and with it (solid); each dot is a measured point"
            }
        }
    }
}

/// Links to the records. A relative path starts with `./`, so that it cannot be taken for a URL with a scheme.
fn records(experiment: &Experiment) -> Markup {
    html! {
        @if !experiment.records.is_empty() {
            p class="faint" {
                "records: "
                @for (index, path) in experiment.records.iter().enumerate() {
                    @let path = path.display().to_string();
                    @let link = if path.starts_with('/') { path } else { format!("./{path}") };
                    a href=(link) { (index + 1) } " "
                }
            }
        }
    }
}
