//! The evidence behind a verdict: offered load, environment, notes, and emulated features.

use maud::{Markup, html};

use super::badge;
use crate::record::{Environment, LoadReport, Privileges, Timeline};
use crate::suite::RunResult;
use crate::units::show;

/// Renders a sentence for each feature that the lab emulated.
pub(super) fn emulations(timeline: &Timeline) -> Markup {
    html! {
        @if let Some(built) = &timeline.built {
            @for (node, sentences) in &built.emulated {
                @for sentence in sentences {
                    p class="notice" { (badge::emulated()) " " code { (node) } ": " (sentence) }
                }
            }
        }
    }
}

/// Renders the outcomes of earlier attempts.
pub(super) fn attempts(run: &RunResult) -> Markup {
    let attempts = crate::report::evidence::attempts(run);
    html! {
        @if !attempts.is_empty() {
            ul class="notes" {
                @for text in &attempts { li { span class="key" { "Retried" } (text) } }
            }
        }
    }
}

/// Renders notes, with their time if the clock had started.
pub(super) fn notes(timeline: &Timeline) -> Markup {
    html! {
        @if !timeline.notes.is_empty() {
            ul class="notes" {
                @for (at, text) in &timeline.notes {
                    li {
                        span class="key" { "Note" }
                        @if let Some(at) = at { (show::seconds(at.as_secs_f64())) ": " }
                        (text.trim_end())
                    }
                }
            }
        }
    }
}

/// Renders the offered and achieved load of each client.
pub(super) fn loads(timeline: &Timeline) -> Markup {
    html! {
        @if !timeline.loads.is_empty() {
            h4 { "Load, offered and achieved" }
            div class="wide" {
                table class="loads" {
                    thead {
                        tr {
                            th scope="col" rowspan="2" { "Client" }
                            th scope="colgroup" colspan="2" class="number" { "Attempts" }
                            th scope="colgroup" colspan="2" class="number" { "Rate" }
                            th scope="colgroup" colspan="3" class="number" { "Start delay" }
                            th scope="col" rowspan="2" { "Local ports" }
                            th scope="col" rowspan="2" { "Engine" }
                            th scope="col" rowspan="2" class="number" { "Processor time" }
                        }
                        tr {
                            @for each in ["scheduled", "started", "offered", "achieved", "median", "p99", "maximum"] {
                                th scope="col" class="number" { (each) }
                            }
                        }
                    }
                    tbody { @for load in &timeline.loads { (load_row(load)) } }
                }
            }
        }
    }
}

fn load_row(load: &LoadReport) -> Markup {
    let rate = |value: f64| format!("{}/s", show::grouped(value, 1));
    html! {
        tr {
            th scope="row" { (load.client) }
            td class="number" { (show::grouped(load.scheduled as f64, 0)) }
            td class="number" { (show::grouped(load.started as f64, 0)) }
            td class="number" {
                @if load.open_loop { (rate(load.offered_rate)) }
                @else { span class="faint" title="A closed loop offers what it achieves" { "closed loop" } }
            }
            td class="number" { (rate(load.achieved_rate)) }
            @for late in [load.late_p50, load.late_p99, load.late_max] {
                td class="number" { @if load.open_loop { (show::nanos(late)) } @else { "–" } }
            }
            td { (load.port_choice) }
            td { (load.engine) }
            td class="number" { (show::nanos(load.cpu)) }
        }
    }
}

/// Renders kernel, machine, set-up, and every sysctl that differs from the baseline; folded.
pub(super) fn environment(result: &RunResult) -> Markup {
    let timeline = &result.timeline;
    html! {
        @if timeline.environment.is_some() || timeline.built.is_some() {
            details class="environment" {
                summary { "Environment" }
                dl {
                    @if let Some(environment) = &timeline.environment { (machine(environment)) }
                    @if let Some(built) = &timeline.built {
                        dt { "Set-up" }
                        dd {
                            (show::nanos(built.took))
                            @if built.fill_took > 0 {
                                ", including " (show::nanos(built.fill_took)) " to fill conntrack tables"
                            }
                        }
                        @if let Some(wire) = &built.wire {
                            dt { "The lab's wire" }
                            dd {
                                "adds " (show::nanos(wire.delay_p50)) " (median), "
                                (show::nanos(wire.delay_max)) " (maximum), carries "
                                (show::grouped(wire.rate as f64, 0)) " bit/s"
                            }
                        }
                        @for (node, room) in &built.conntrack_room {
                            dt { "Free conntrack entries on " (node) }
                            dd {
                                (show::grouped(room.room.into(), 0)) " of " (show::grouped(room.max.into(), 0))
                                @if room.filled > 0 { "; the lab filled " (show::grouped(room.filled.into(), 0)) }
                                @else { "; the lab set the limit" }
                            }
                        }
                    }
                    @if !result.spec.params.is_empty() {
                        dt { "Parameters" }
                        dd {
                            @for (index, (name, value)) in result.spec.params.iter().enumerate() {
                                @if index > 0 { ", " }
                                code { (name) " = " (value) }
                            }
                        }
                    }
                }
                @if let Some(environment) = &timeline.environment { (sysctls(environment)) }
            }
        }
    }
}

fn machine(environment: &Environment) -> Markup {
    html! {
        dt { "Kernel" }
        dd {
            (environment.kernel_release) " " span class="faint" { (environment.kernel_build) }
            @if environment.owns_kernel { ", owned by the lab" }
            @if environment.virtual_time { ", in virtual time" }
        }
        dt { "Machine" }
        dd {
            (environment.machine) ", " (show::counted(environment.processors as usize, "processor")) ", "
            (show::bytes(environment.memory as f64)) " of memory"
        }
        dt { "Privileges" }
        dd {
            @match environment.privileges {
                Privileges::Root => "root",
                Privileges::Rootless => "rootless, in a user namespace",
            }
        }
        dt { "Seed" }
        dd { (environment.seed) }
        dt { "nslab" }
        dd { (environment.nslab) }
    }
}

fn sysctls(environment: &Environment) -> Markup {
    let of_kernel = &environment.kernel_sysctls;
    html! {
        @if !of_kernel.is_empty() {
            div class="wide" {
                table {
                    caption { "Sysctls of the whole kernel, set by the lab" }
                    thead { tr { th scope="col" { "Key" } th scope="col" { "Value" } } }
                    tbody {
                        @for (key, value) in of_kernel {
                            tr { td { code { (key) } } td { code { (value) } } }
                        }
                    }
                }
            }
        }
        @if !environment.absent_sysctls.is_empty() {
            p class="faint" {
                "Missing in this kernel: "
                @for (index, key) in environment.absent_sysctls.iter().enumerate() {
                    @if index > 0 { ", " }
                    code { (key) }
                }
                "; the baseline leaves them out."
            }
        }
        @if environment.off_baseline.values().all(|keys| keys.is_empty()) {
            p class="faint" { "Every sysctl that the lab pins was at its baseline." }
        } @else {
            div class="wide" {
                table {
                    caption { "Sysctls that differ from the baseline" }
                    thead { tr { th scope="col" { "Node" } th scope="col" { "Key" } th scope="col" { "Value" } } }
                    tbody {
                        @for (node, keys) in &environment.off_baseline {
                            @for (key, value) in keys {
                                tr { td { (node) } td { code { (key) } } td { code { (value) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}
