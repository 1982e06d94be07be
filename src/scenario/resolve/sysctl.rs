//! Resolves sysctls and checks that their keys are well formed.
//!
//! The lab finds out which keys a kernel has, and whether a namespace may set them.

use std::collections::BTreeMap;

use crate::scenario::decode::Entries;
use crate::scenario::document::{Document, SysctlValue};
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::span::{Span, Spanned};
use crate::scenario::topology::SysctlSpec;
use crate::sysctls;

/// Resolves the sysctls of a mapping, in its order.
pub(crate) fn resolve(
    entries: &Entries<Spanned<SysctlValue>>,
    cx: &mut Collector<'_>,
) -> Vec<SysctlSpec> {
    let mut specs = Vec::new();
    for (key, value) in &entries.0 {
        check_key(&key.value, key.span, cx);
        if let Some(value) = value {
            check_value(&key.value, &value.value.0, value.span, cx);
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
        .map(|entries| resolve(entries, cx))
        .unwrap_or_default()
        .into_iter()
        .map(|spec| (spec.key, spec.value))
        .collect()
}

/// Reports a key that cannot be one, or that looks like a misspelt one. Every key that some kernel has or had is in the
/// catalogue; a key that resembles none of them may be newer.
pub(crate) fn check_key(key: &str, span: Span, cx: &mut Collector<'_>) {
    if is_key(key) {
        if let Some(meant) = sysctls::suggestion(key).filter(|_| key.starts_with("net.")) {
            cx.error(span, format!("no known kernel has the key {}", quoted(key)))
                .help(format!("did you mean `{meant}`?"));
        }
        return;
    }
    let dotted = key.replace('/', ".");
    let whole = sysctls::all().find(|setting| setting.key.rsplit('.').next() == Some(key));
    let help = if let Some(setting) = whole {
        format!("write the whole key: `{}`", setting.key)
    } else if is_key(&dotted) {
        format!("keys are written with dots: `{dotted}`")
    } else {
        "keys look like `net.ipv4.tcp_syncookies`".to_owned()
    };
    cx.error(span, format!("{} is not a sysctl key", quoted(key)))
        .help(help);
}

/// Reports a value that does not have the form of its key. The kernel may still refuse one that does.
fn check_value(key: &str, value: &str, span: Span, cx: &mut Collector<'_>) {
    let checked = sysctls::find(key).map(|setting| setting.form.check(value));
    if let Some(Err(error)) = checked {
        let problem = cx.error(span, format!("{} {}", quoted(key), error.problem()));
        if let Some(help) = error.help() {
            problem.help(help);
        }
    }
}

/// Returns what is wrong with a setting that is not in a file, if anything is, with a suggestion.
pub(crate) fn wrong_setting(key: &str, value: &str) -> Option<(String, Option<String>)> {
    let mut cx = Collector::new("");
    check_key(key, Span::default(), &mut cx);
    check_value(key, value, Span::default(), &mut cx);
    let problem = cx.finish("")?.problems.into_iter().next()?;
    Some((problem.message, problem.help))
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
