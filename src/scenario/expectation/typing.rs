//! Turns the syntax of an expectation into its meaning: names are resolved, units compared.

use std::ops::Range;

use super::connection;
use super::functions::{self, FUNCTIONS};
use super::grammar;
use super::shares;
use super::subjects::Subjects;
use super::syntax::{At, ClaimSyntax, Expr as Written, ExprKind, Number};
use super::units::Units;
use crate::metrics::SeriesKind;
use crate::scenario::bounds::MAX_REGEX;
use crate::scenario::expr::{
    ArithmeticOp, Claim, CompareOp, Expr, MetricRef, SeriesFunction, Tolerance, Window,
};
use crate::scenario::problem::quoted;
use crate::scenario::suggest;
use crate::tcp::TcpState;
use crate::units::{self, Unit};

/// The names that an expectation may use.
pub(crate) enum NameScope {
    /// Names of one run. The scenario's variants only serve to explain that they cannot be named here.
    Run {
        subjects: Box<Subjects>,
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

impl From<grammar::Unreadable> for Fault {
    fn from(error: grammar::Unreadable) -> Self {
        Self {
            range: error.range,
            message: error.message,
            label: String::new(),
            help: error.help,
            other: None,
        }
    }
}

/// Reads one line. All faults are reported, in the order of the line.
pub(crate) fn expectation(text: &str, scope: &NameScope) -> Result<(Claim, Window), Vec<Fault>> {
    let line = grammar::parse(text).map_err(|error| vec![Fault::from(error)])?;
    let mut typing = Typing::new(text, scope);
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
    /// The line.
    pub(super) text: &'s str,
    pub(super) scope: &'s NameScope,
    pub(super) faults: Vec<Fault>,
    /// True if any series was named.
    pub(super) observes: bool,
}

/// A typed expression; `None` if a fault has been reported.
pub(super) type Typed = Option<(Expr, Units)>;

impl<'s> Typing<'s> {
    pub(super) fn new(text: &'s str, scope: &'s NameScope) -> Self {
        Self {
            text,
            scope,
            faults: Vec::new(),
            observes: false,
        }
    }
}

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
                let mut typed = (self.expr(left), self.expr(right));
                self.explain_share(left, op.value, right);
                zero_fits(&mut typed.1, &typed.0);
                zero_fits(&mut typed.0, &typed.1);
                let units = self.same(left, &typed.0, right, &typed.1);
                let is_equality = matches!(op.value, CompareOp::Equal | CompareOp::NotEqual);
                if units.is_some_and(Units::is_state) && !is_equality {
                    self.fault(op.range.clone(), "TCP states have no order")
                        .help = Some("compare them with `==` or `!=`".to_owned());
                }
                let sides = [(&typed.0, &left.range), (&typed.1, &right.range)];
                self.check_possible(sides, op, tolerance.is_some());
                let tolerance = match tolerance {
                    None => None,
                    Some(written) if units.is_some_and(Units::is_state) => {
                        self.no_number(written.range.clone(), "has no tolerance");
                        None
                    }
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
                let mut typed = (self.expr(value), self.expr(low), self.expr(high));
                zero_fits(&mut typed.1, &typed.0);
                zero_fits(&mut typed.2, &typed.0);
                self.same(value, &typed.0, low, &typed.1);
                let units = self.same(value, &typed.0, high, &typed.2);
                if units.is_some_and(Units::is_state) {
                    self.no_number(value.range.clone(), "cannot be in a range");
                }
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
        let help = a
            .missing_unit(right, left)
            .or_else(|| b.missing_unit(left, right))
            .or_else(|| Units::surplus((*a, left), (*b, right)))
            .or_else(|| connection::missing_subject([left, right], self.scope));
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
            ExprKind::Path(path) => match state(path) {
                Some(state) => Some(state),
                None => self.series(written),
            },
            ExprKind::Call { function, of } => self.call(function, of),
            ExprKind::Negate(inner) => {
                let (range, (inner, units)) = (inner.range.clone(), self.expr(inner)?);
                if units.is_state() {
                    self.no_number(range, "has no sign");
                    return None;
                }
                Some((Expr::Negate(Box::new(inner)), units))
            }
            ExprKind::Binary { op, left, right } => {
                let typed = (self.expr(left), self.expr(right));
                for (side, typed) in [(left, &typed.0), (right, &typed.1)] {
                    if typed.as_ref().is_some_and(|(_, units)| units.is_state()) {
                        self.no_number(side.range.clone(), "cannot be calculated with");
                        return None;
                    }
                }
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

    /// Reports that a TCP state is used like a number.
    fn no_number(&mut self, range: Range<usize>, problem: &str) {
        let fault = self.fault(range, format!("a TCP state {problem}"));
        fault.help = Some("compare it: `load:1.state == TIME_WAIT at 2s`".to_owned());
    }

    fn number(
        &mut self,
        range: &Range<usize>,
        number: &Result<crate::units::Quantity, crate::units::UnitError>,
    ) -> Typed {
        match number {
            Ok(quantity) => {
                let Some((value, unit)) = quantity.in_unit() else {
                    let number = quantity.value;
                    self.fault(
                        range.clone(),
                        "a percentage can only be a tolerance: `== 1000 ± 2%`",
                    )
                    .help = Some(format!("as a factor, write `{}`", shares::rounded(number)));
                    return None;
                };
                Some((Expr::Number { value, unit }, Units::of(unit)))
            }
            Err(error) => {
                let message = error.to_string();
                let written = self.text.get(range.clone()).unwrap_or_default();
                let help = match units::meant(written).first() {
                    Some(meant) => format!("write `{meant}`"),
                    None => {
                        "units are `s`, `ms`, `/s`, `B`, `KiB`, `MiB/s` and the like".to_owned()
                    }
                };
                self.fault(range.clone(), message).help = Some(help);
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
            .help = functions::other_word(&function.value, of)
                .or_else(|| suggest::did_you_mean(&function.value, names));
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
        if metric.unit == Unit::TcpState && found.function != SeriesFunction::Last {
            self.no_number(of.range.clone(), &format!("has no `{name}`"));
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
}

/// Reads the kernel's name of a TCP state.
fn state(name: &str) -> Typed {
    let mut states = TcpState::LISTED.into_iter();
    let state = states.find(|state| state.as_str() == name)?;
    let (value, unit) = (f64::from(state as u8), Unit::TcpState);
    Some((Expr::Number { value, unit }, Units::of(unit)))
}

/// Gives a zero without a unit the units of the other side, because zero is the same in all of them.
fn zero_fits(zero: &mut Typed, other: &Typed) {
    if let (Some((Expr::Number { value, .. }, units)), Some((_, others))) = (zero, other)
        && *value == 0.0
        && *units == Units::of(Unit::Count)
        && !others.is_state()
    {
        *units = *others;
    }
}
