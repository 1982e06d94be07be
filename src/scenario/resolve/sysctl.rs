//! Settings of the kernel: keys that can be keys.
//!
//! Which of them a kernel has, and whether a namespace may set them, the lab finds out.

use std::collections::BTreeMap;

use crate::scenario::decode::Entries;
use crate::scenario::document::{Document, SysctlValue};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::{Span, Spanned};
use crate::scenario::topology::SysctlSpec;

/// The settings of a mapping, in its order.
pub(crate) fn sysctls(
    entries: &Entries<Spanned<SysctlValue>>,
    cx: &mut Collector<'_>,
) -> Vec<SysctlSpec> {
    let mut specs = Vec::new();
    for (key, value) in &entries.0 {
        check_key(&key.value, key.span, cx);
        if let Some(value) = value {
            specs.push(SysctlSpec {
                key: key.value.clone(),
                value: value.value.0.clone(),
                place: cx.source.place(key.span.start),
            });
        }
    }
    specs
}

/// The host-wide settings of a document.
pub(crate) fn of_the_kernel(
    document: &Document,
    cx: &mut Collector<'_>,
) -> BTreeMap<String, String> {
    document
        .kernel
        .as_ref()
        .and_then(|kernel| kernel.sysctls.as_ref())
        .map(|entries| sysctls(entries, cx))
        .unwrap_or_default()
        .into_iter()
        .map(|spec| (spec.key, spec.value))
        .collect()
}

pub(crate) fn check_key(key: &str, span: Span, cx: &mut Collector<'_>) {
    if is_key(key) {
        return;
    }
    let dotted = key.replace('/', ".");
    let help = if is_key(&dotted) {
        format!("keys are spelled with dots: `{dotted}`")
    } else {
        "keys are spelled like `net.ipv4.tcp_syncookies`".to_owned()
    };
    cx.error(span, format!("{} is not the key of a setting", quoted(key)))
        .help(help);
}

fn is_key(key: &str) -> bool {
    let letters = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'))
    };
    // Longer than any key that a kernel has.
    key.len() <= 128 && key.contains('.') && key.split('.').all(letters)
}
