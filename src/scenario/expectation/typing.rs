//! Turns the syntax of an expectation into its meaning: names are resolved, units compared.

use std::ops::Range;
use std::time::Duration;

use super::functions::{self, FUNCTIONS};
use super::grammar;
use super::metric::{self, ResolvedMetric, Subjects};
use super::syntax::{At, ClaimSyntax, Expr as Written, ExprKind, Number, WindowSyntax};
use super::units::Units;
use crate::metrics::SeriesKind;
use crate::scenario::bounds::{MAX_DURATION, MAX_REGEX};
use crate::scenario::expr::{
    ArithmeticOp, Claim, CompareOp, Expr, MetricRef, SeriesFunction, Tolerance, Window,
};
use crate::scenario::problem::quoted;
use crate::scenario::suggest;
use crate::units::{Dimension, Unit};

/// The names that an expectation may use.
pub(crate) enum NameScope {
    /// Names of one run. The scenario's variants only serve to explain that they cannot be named here.
    Run {
        subjects: Subjects,
        variants: Vec<String>,
    },
    /// Names of several runs, each named by its variant.
    Compare(indexmap::IndexMap<String, Subjects>),
}

/// A problem of an expectation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Its place in the line.
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) help: Option<String>,
    /// The other side of a contradiction.
    pub(crate) other: Option<(Range<usize>, String)>,
}

/// Reads one line. All faults are reported, in the order of the line.
pub(crate) fn expectation(text: &str, scope: &NameScope) -> Result<(Claim, Window), Vec<Fault>> {
    let line = grammar::parse(text).map_err(|error| {
        vec![Fault {
            range: error.range,
            message: error.message,
            label: String::new(),
            help: error.help,
            other: None,
        }]
    })?;
    let mut typing = Typing {
        scope,
        faults: Vec::new(),
        observes: false,
    };
    let claim = typing.claim(&line.claim);
    let window = typing.window(&line.window);
    if !typing.observes && typing.faults.is_empty() {
        typing
            .fault(0..text.len(), "the expectation is not about the run")
            .help = Some("name a quantity, as in `web.accepted >= 1`".to_owned());
    }
    match (claim, window) {
        (Some(claim), Some(window)) if typing.faults.is_empty() => Ok((claim, window)),
        _ => Err(typing.faults),
    }
}

pub(super) struct Typing<'s> {
    pub(super) scope: &'s NameScope,
    pub(super) faults: Vec<Fault>,
    /// True if any series was named.
    pub(super) observes: bool,
}

/// A typed expression; `None` if a fault has been reported.
pub(super) type Typed = Option<(Expr, Units)>;

impl Typing<'_> {
    pub(super) fn fault(&mut self, range: Range<usize>, message: impl Into<String>) -> &mut Fault {
        self.faults.push(Fault {
            range,
            message: message.into(),
            label: String::new(),
            help: None,
            other: None,
        });
        let last = self.faults.len() - 1;
        &mut self.faults[last]
    }

    fn claim(&mut self, claim: &ClaimSyntax) -> Option<Claim> {
        match claim {
            ClaimSyntax::Compare {
                left,
                op,
                right,
                tolerance,
            } => {
                let typed = (self.expr(left), self.expr(right));
                let units = self.same(left, &typed.0, right, &typed.1);
                let tolerance = match tolerance {
                    None => None,
                    Some(written) => Some(self.tolerance(written, op, units)?),
                };
                Some(Claim::Compare {
                    left: typed.0?.0,
                    op: op.value,
                    right: typed.1?.0,
                    tolerance,
                })
            }
            ClaimSyntax::In { value, low, high } => {
                let typed = (self.expr(value), self.expr(low), self.expr(high));
                self.same(value, &typed.0, low, &typed.1);
                self.same(value, &typed.0, high, &typed.2);
                if let (
                    Some((Expr::Number { value: from, .. }, a)),
                    Some((Expr::Number { value: to, .. }, b)),
                ) = (&typed.1, &typed.2)
                    && a == b
                    && from > to
                {
                    self.fault(low.range.start..high.range.end, "the range is empty")
                        .help = Some("the lower bound comes first".to_owned());
                }
                Some(Claim::In {
                    value: typed.0?.0,
                    low: typed.1?.0,
                    high: typed.2?.0,
                })
            }
            ClaimSyntax::Matches {
                metric,
                regex,
                negated,
            } => {
                let found = self.text_metric(metric);
                let compiled = regex::RegexBuilder::new(&regex.value)
                    .size_limit(MAX_REGEX)
                    .build();
                if let Err(error) = compiled {
                    self.bad_regex(regex, &error);
                    return None;
                }
                Some(Claim::Matches {
                    metric: found?,
                    regex: regex.value.clone(),
                    negated: *negated,
                })
            }
        }
    }

    fn bad_regex(&mut self, regex: &At<String>, error: &regex::Error) {
        let message = match error {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
            other => {
                // Its last line is the reason; those before show the place, which we do ourselves.
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                format!(
                    "not a regular expression: {}",
                    last.trim_start_matches("error: ")
                )
            }
        };
        self.fault(regex.range.clone(), message);
    }

    fn text_metric(&mut self, written: &Written) -> Option<MetricRef> {
        let ExprKind::Path(_) = &written.value else {
            self.fault(written.range.clone(), "`~` matches text").help =
                Some("text is `kernel.log`, or `stdout` and `stderr` of a command".to_owned());
            return None;
        };
        let (metric, reference) = self.metric(written)?;
        if metric.kind != SeriesKind::Text {
            self.fault(
                written.range.clone(),
                "`~` matches text, but this is a number",
            )
            .help = Some("compare it with `==`, `<`, `>=`, ...".to_owned());
            return None;
        }
        Some(reference)
    }

    /// Checks that two sides have the same units and returns them.
    fn same(
        &mut self,
        left: &Written,
        left_typed: &Typed,
        right: &Written,
        right_typed: &Typed,
    ) -> Option<Units> {
        let (Some((_, a)), Some((_, b))) = (left_typed, right_typed) else {
            return None;
        };
        if a == b {
            return Some(*a);
        }
        let help = a.missing_unit(right).or_else(|| b.missing_unit(left));
        let fault = self.fault(
            right.range.clone(),
            format!("{} is compared with {}", a.describe(), b.describe()),
        );
        fault.label = format!("this is {}", b.describe());
        fault.other = Some((left.range.clone(), format!("this is {}", a.describe())));
        fault.help = help;
        None
    }

    pub(super) fn tolerance(
        &mut self,
        written: &Number,
        op: &At<CompareOp>,
        units: Option<Units>,
    ) -> Option<Tolerance> {
        if !matches!(op.value, CompareOp::Equal | CompareOp::NotEqual) {
            self.fault(
                written.range.clone(),
                format!(
                    "a tolerance belongs to `==` and `!=`, not to `{}`",
                    op.value
                ),
            );
            return None;
        }
        let quantity = match &written.value {
            Ok(quantity) => *quantity,
            Err(error) => {
                let message = error.to_string();
                self.fault(written.range.clone(), message);
                return None;
            }
        };
        if quantity.value < 0.0 {
            self.fault(written.range.clone(), "a tolerance cannot be negative");
            return None;
        }
        let Some((value, unit)) = quantity.in_unit() else {
            return Some(Tolerance::Relative(quantity.value));
        };
        if let Some(units) = units
            && units != Units::of(unit)
        {
            self.fault(
                written.range.clone(),
                format!(
                    "the tolerance of {} is {}",
                    units.describe(),
                    Units::of(unit).describe()
                ),
            )
            .help = Some("write a share like `2%`, or use the unit of the sides".to_owned());
            return None;
        }
        Some(Tolerance::Absolute(value))
    }

    pub(super) fn expr(&mut self, written: &Written) -> Typed {
        match &written.value {
            ExprKind::Number(number) => self.number(&written.range, number),
            ExprKind::Path(_) => self.series(written),
            ExprKind::Call { function, of } => self.call(function, of),
            ExprKind::Negate(inner) => {
                let (inner, units) = self.expr(inner)?;
                Some((Expr::Negate(Box::new(inner)), units))
            }
            ExprKind::Binary { op, left, right } => {
                let typed = (self.expr(left), self.expr(right));
                let units = match op {
                    ArithmeticOp::Add | ArithmeticOp::Subtract => {
                        self.same(left, &typed.0, right, &typed.1)?
                    }
                    ArithmeticOp::Multiply => typed.0.as_ref()?.1.times(typed.1.as_ref()?.1),
                    ArithmeticOp::Divide => typed.0.as_ref()?.1.per(typed.1.as_ref()?.1),
                };
                let divisor = typed.1.as_ref().and_then(|(divisor, _)| divisor.constant());
                if *op == ArithmeticOp::Divide && divisor == Some(0.0) {
                    self.fault(right.range.clone(), "division by zero").help =
                        Some("it has no result".to_owned());
                    return None;
                }
                let binary = Expr::Binary {
                    op: *op,
                    left: Box::new(typed.0?.0),
                    right: Box::new(typed.1?.0),
                };
                Some((binary, units))
            }
        }
    }

    fn number(
        &mut self,
        range: &Range<usize>,
        number: &Result<crate::units::Quantity, crate::units::UnitError>,
    ) -> Typed {
        match number {
            Ok(quantity) => {
                let Some((value, unit)) = quantity.in_unit() else {
                    self.fault(
                        range.clone(),
                        "a percentage can only be a tolerance: `== 1000 ± 2%`",
                    )
                    .help = Some("as a factor, write 0.02".to_owned());
                    return None;
                };
                Some((Expr::Number { value, unit }, Units::of(unit)))
            }
            Err(error) => {
                let message = error.to_string();
                self.fault(range.clone(), message).help =
                    Some("units are `s`, `ms`, `/s`, `B`, `KiB`, `MiB/s` and the like".to_owned());
                None
            }
        }
    }

    /// A series in arithmetic, which has one number at each moment.
    fn series(&mut self, written: &Written) -> Typed {
        let (metric, reference) = self.metric(written)?;
        match metric.kind {
            SeriesKind::Counter | SeriesKind::Gauge => {
                Some((Expr::Metric(reference), Units::of(metric.unit)))
            }
            SeriesKind::Distribution => {
                self.fault(
                    written.range.clone(),
                    "a distribution is many numbers, not one",
                )
                .help = Some(
                    "use a function: `p50(...)`, `p99(...)`, `mean(...)`, `max(...)`, `min(...)`"
                        .to_owned(),
                );
                None
            }
            SeriesKind::Text => {
                self.fault(written.range.clone(), "this is text").help =
                    Some("text is matched: `~ /regex/` or `!~ /regex/`".to_owned());
                None
            }
        }
    }

    fn call(&mut self, function: &At<String>, of: &Written) -> Typed {
        let found = FUNCTIONS.iter().find(|known| known.name == function.value);
        let Some(found) = found else {
            let names = FUNCTIONS.map(|known| known.name);
            self.fault(
                function.range.clone(),
                format!("unknown function {}", quoted(&function.value)),
            )
            .help = suggest::did_you_mean(&function.value, names);
            return None;
        };
        let name = found.name;
        if !matches!(of.value, ExprKind::Path(_)) {
            self.fault(of.range.clone(), format!("`{name}` takes a series"))
                .help = Some(format!(
                "write `{name}(load.established)`; arithmetic goes around it"
            ));
            return None;
        }
        let (metric, reference) = self.metric(of)?;
        if !found.applies_to(metric.kind) {
            let kind = match metric.kind {
                SeriesKind::Counter | SeriesKind::Gauge => "a single number",
                SeriesKind::Distribution => "a distribution",
                SeriesKind::Text => "text",
            };
            self.fault(
                of.range.clone(),
                format!("`{name}` does not apply to {kind}"),
            )
            .help = Some(functions::HELP.to_owned());
            return None;
        }
        let units = match found.function {
            SeriesFunction::First => Units::of(Unit::Seconds),
            SeriesFunction::Rate => Units::of(metric.unit).per(Units::of(Unit::Seconds)),
            _ => Units::of(metric.unit),
        };
        let call = Expr::Series {
            function: found.function,
            metric: reference,
        };
        Some((call, units))
    }

    /// Resolves a path, which under `compare:` follows the name of its variant.
    fn metric(&mut self, written: &Written) -> Option<(ResolvedMetric, MetricRef)> {
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
                let Some(subjects) = variants.get(variant) else {
                    let range = written.range.start..written.range.start + variant.len();
                    let known: Vec<&str> = variants.keys().map(String::as_str).collect();
                    self.fault(range, format!("no variant is called {}", quoted(variant)))
                        .help = suggest::nearest(variant, known.iter().copied())
                        .map(|name| format!("did you mean `{name}`?"))
                        .or_else(|| {
                            let example = known.first()?;
                            Some(format!("name the run: `{example}.{path}`"))
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

    fn window(&mut self, window: &WindowSyntax) -> Option<Window> {
        Some(match window {
            WindowSyntax::End => Window::End,
            WindowSyntax::At(at) => Window::At(self.time(at)?),
            WindowSyntax::Within(within) => Window::Within(self.time(within)?),
            WindowSyntax::During(from, to) => {
                let range = from.range.start..to.range.end;
                let (from, to) = (self.time(from), self.time(to));
                let (from, to) = (from?, to?);
                if from >= to {
                    self.fault(range, "the window ends before it begins").help =
                        Some("write the earlier moment first".to_owned());
                    return None;
                }
                Window::During(from, to)
            }
            WindowSyntax::Always => Window::Always,
            WindowSyntax::Never => Window::Never,
        })
    }

    pub(super) fn time(&mut self, number: &Number) -> Option<Duration> {
        let (message, help) = match &number.value {
            Ok(quantity) if quantity.dimension == Dimension::Time => {
                match Duration::try_from_secs_f64(quantity.value) {
                    Ok(time) if time <= MAX_DURATION => return Some(time),
                    _ => ("not a moment of a run".to_owned(), "use 0s to 30d"),
                }
            }
            Ok(quantity) => (
                format!("expected a time, found {}", quantity.dimension.describe()),
                "write it like `5s` or `500ms`",
            ),
            Err(error) => (error.to_string(), "write it like `5s` or `500ms`"),
        };
        self.fault(number.range.clone(), message).help = Some(help.to_owned());
        None
    }
}
