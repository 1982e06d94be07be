//! Resolves sysctls and checks that their keys are well formed.
//!
//! The lab finds out which keys a kernel has, and whether a namespace may set them.

use std::collections::BTreeMap;

use crate::scenario::decode::Entries;
use crate::scenario::document::{Document, SysctlValue};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::{Span, Spanned};
use crate::scenario::topology::SysctlSpec;

/// Resolves the sysctls of a mapping, in its order.
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

/// Resolves the host-wide sysctls of a document.
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
        format!("keys are written with dots: `{dotted}`")
    } else {
        "keys look like `net.ipv4.tcp_syncookies`".to_owned()
    };
    cx.error(span, format!("{} is not a sysctl key", quoted(key)))
        .help(help);
}

fn is_key(key: &str) -> bool {
    let letters = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'))
    };
    // This is longer than any key of the kernel.
    key.len() <= 128 && key.contains('.') && key.split('.').all(letters)
}
