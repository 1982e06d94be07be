//! Scenarios on the kernel's own defaults (`--baseline kernel`). docs/truth.md lists those that have another result
//! there; what is not listed has the same.

use libtest_mimic::{Failed, Trial};

use crate::program::{command, transcript};

/// A few fast scenarios, each about another part of the kernel.
const UNAFFECTED: [&str; 4] = [
    "accept-queue-overflow",
    "reject-or-drop",
    "rfc1337",
    "stale-dnat",
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "the_kernels_own_defaults_change_no_result_but_those_listed",
        same_on_own_defaults,
    )]
}

fn same_on_own_defaults() -> Result<(), Failed> {
    let truth = include_str!("../../docs/truth.md");
    let (_, listed) = truth
        .split_once("--baseline kernel")
        .ok_or("docs/truth.md lists no scenarios on the kernel's own defaults")?;
    for name in UNAFFECTED {
        if listed.contains(&format!("\n- {name}: ")) {
            return Err(format!("docs/truth.md lists {name}").into());
        }
    }
    let output = command()
        .args([
            "run",
            "--no-progress",
            "--no-record",
            "--baseline",
            "kernel",
        ])
        .args(UNAFFECTED)
        .output()?;
    let text = transcript(&output);
    match output.status.code() {
        Some(0) if text.contains("the kernel's own defaults") => Ok(()),
        Some(4) => {
            eprintln!("skipped: the machine was too busy:\n{text}");
            Ok(())
        }
        _ => Err(text.into()),
    }
}
