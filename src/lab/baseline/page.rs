//! `docs/baseline.md`: the pinned settings as Markdown.

use std::fmt::Write;

use super::pins::{CONNTRACK, IPV6, KERNEL, NODE};
use super::{Pin, To};
use crate::sysctls::{self, Machine};

const INTRODUCTION: &str = "# The baseline

Each node starts with the settings below, whatever the host has, so that an outcome depends on the kernel and not on
the machine. The `sysctls` of a scenario come on top. The file is generated from `src/lab/baseline/pins.rs`.

With `baseline: kernel` at the top of a scenario, nodes start with the kernel's own defaults instead: what a fresh
namespace has, and, for keys that a namespace copies from the host, the default of that kernel version for the memory of
this machine. Use it to see what an untouched machine does. The report then names the settings that differ from this
page.

The column *kernel* has the default of Linux 6.18 on a machine with 16 GiB. A key that a kernel does not have is left
out.
";

/// The machine whose defaults the page shows.
fn example() -> Option<Machine> {
    Some(Machine {
        kernel: "6.18".parse().ok()?,
        memory: 16 << 30,
    })
}

/// Returns the text of the page.
pub(in crate::lab) fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (heading, pins) in [
        ("Every node", NODE),
        ("Nodes that track connections", CONNTRACK),
        ("Labs with `ip: 6`", IPV6),
        ("The whole kernel, if the lab owns it (`--kernel`)", KERNEL),
    ] {
        let _ = write!(
            page,
            "\n## {heading}\n\n| key | value | kernel | reason |\n|---|---|---|---|\n"
        );
        for pin in pins {
            row(&mut page, pin);
        }
    }
    page
}

fn row(page: &mut String, pin: &Pin) {
    let value = match pin.to {
        To::Value(value) => format!("`{value}`"),
        To::FirstOf(values) => {
            let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            format!("{}, the first that the kernel accepts", values.join(" or "))
        }
        To::AsFound => "the kernel's".to_owned(),
    };
    let default = example().and_then(|machine| sysctls::default(pin.key, machine));
    let default = match default {
        Some(default) if matches!(pin.to, To::Value(value) if value == default) => {
            "the same".to_owned()
        }
        Some(default) => format!("`{default}`"),
        None => String::new(),
    };
    let _ = writeln!(
        page,
        "| `{}` | {value} | {default} | {} |",
        pin.key, pin.why
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_of_the_baseline_is_up_to_date() {
        let committed = include_str!("../../../docs/baseline.md");
        assert!(
            committed == super::page(),
            "docs/baseline.md is out of date; write it with: nslab baseline > docs/baseline.md"
        );
    }
}
