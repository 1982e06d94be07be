//! Resolves the paths of an expectation in their scope: a run, or the variants that are compared.

use super::metric::{self, ResolvedMetric};
use super::syntax::{At, Expr as Written, ExprKind};
use super::typing::{NameScope, Typing};
use crate::metrics::Subject;
use crate::scenario::expr::MetricRef;
use crate::scenario::problem::quoted;
use crate::scenario::suggest;

impl Typing<'_> {
    /// Resolves a path, which under `compare:` follows the name of its variant.
    pub(super) fn metric(&mut self, written: &Written) -> Option<(ResolvedMetric, MetricRef)> {
        let ExprKind::Path(path) = &written.value else {
            return None;
        };
        let found = match self.scope {
            NameScope::Run { subjects, variants } => {
                let first = path.split('.').next().unwrap_or_default();
                if variants.iter().any(|variant| variant == first)
                    && !subjects.actors.contains_key(first)
                    && !subjects.nodes.contains(first)
                {
                    let range = written.range.start..written.range.start + first.len();
                    self.fault(range, format!("{} is a variant", quoted(first)))
                        .help = Some(
                        "an expectation is about its own run; `compare:` compares variants"
                            .to_owned(),
                    );
                    return None;
                }
                let at = At {
                    value: path.clone(),
                    range: written.range.clone(),
                };
                metric::metric(&at, subjects).map(|metric| (None, metric))
            }
            NameScope::Compare(variants) => {
                let (variant, rest) = path.split_once('.').unwrap_or((path, ""));
                if rest.is_empty() && variants.contains_key(variant) {
                    let example = variants.get(variant).and_then(|subjects| {
                        let mut actors = subjects.actors.iter();
                        actors.find(|(_, kind)| **kind == Subject::Client)
                    });
                    let client = example.map_or("load", |(name, _)| name.as_str());
                    self.fault(
                        written.range.clone(),
                        format!("{} is a variant, not a quantity", quoted(variant)),
                    )
                    .help = Some(format!(
                        "name a quantity of it, as in `{variant}.{client}.established`"
                    ));
                    return None;
                }
                let Some(subjects) = variants.get(variant) else {
                    let range = written.range.start..written.range.start + variant.len();
                    let known: Vec<&str> = variants.keys().map(String::as_str).collect();
                    self.fault(range, format!("no variant is called {}", quoted(variant)))
                        .help = suggest::nearest(variant, known.iter().copied())
                        .map(|name| format!("did you mean `{name}`?"))
                        .or_else(|| {
                            let (example, subjects) = variants.first()?;
                            let subject = rest.split('.').next().unwrap_or_default();
                            let names_a_run = subjects.actors.contains_key(subject)
                                || subjects.nodes.contains(subject);
                            Some(if names_a_run {
                                format!("variants: {}", suggest::listed(&known))
                            } else {
                                format!("name the run: `{example}.{path}`")
                            })
                        });
                    return None;
                };
                let at = At {
                    value: rest.to_owned(),
                    range: (written.range.start + variant.len() + 1).min(written.range.end)
                        ..written.range.end,
                };
                metric::metric(&at, subjects).map(|metric| (Some(variant.to_owned()), metric))
            }
        };
        match found {
            Ok((variant, metric)) => {
                self.observes = true;
                let reference = MetricRef {
                    variant,
                    series: metric.series.clone(),
                    unit: metric.unit,
                };
                Some((metric, reference))
            }
            Err(unknown) => {
                self.fault(unknown.range, unknown.message).help = unknown.help;
                None
            }
        }
    }
}
