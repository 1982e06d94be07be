//! The sysctls whose effect a scenario shows, and its size for a value of theirs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expectation::calculate;
use crate::units::show::grouped;
use crate::units::{Unit, parse_quantity};

/// Names that stand for the values under trial in rules and texts.
pub(super) const TRIED: [&str; 3] = ["value", "reference", "limit"];

/// A sysctl whose effect a scenario shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exercise {
    /// The sysctl's key, with dots.
    pub key: String,
    /// The variant that shows the effect, if the scenario has variants.
    pub variant: Option<String>,
    /// The largest value with a visible effect, if the effect takes time and the scenario ends before larger values
    /// act. With `size`, the largest limit that the lab can reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// Parameters that follow the value under trial, in the order in which they are calculated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub size: Vec<SizeRule>,
    /// The load that would be needed beyond `at_most`, with `${..}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// The condition in which the effect shows, with `${..}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The gainers from either direction, if every value is a compromise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trade: Option<TradeOff>,
    /// The parameter on which the effect depends, if it is to be seen at several of its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<CurveRule>,
}

/// Values of a parameter at which the effect is measured as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurveRule {
    /// The parameter of the scenario.
    pub param: String,
    /// Expressions over the values under trial and the scenario's own parameters.
    pub points: Vec<String>,
    /// The parameter in words that follow its value, as in `connections in TIME_WAIT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub along: Option<String>,
}

/// A parameter that follows the value under trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeRule {
    /// The parameter of the scenario.
    pub param: String,
    /// An expression over the values under trial and the parameters before it.
    pub rule: String,
}

/// A setting of which every value is a compromise between two groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeOff {
    /// The gainers from a lower value.
    pub lower: String,
    /// The gainers from a higher value.
    pub higher: String,
}

/// The two values of a key under trial, as numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TriedValues {
    /// The value of the line.
    pub value: f64,
    /// The value of the other side.
    pub reference: f64,
}

impl TriedValues {
    /// Returns the smaller of the two: just above it, the sides begin to differ.
    pub fn limit(self) -> f64 {
        self.value.min(self.reference)
    }

    fn named(self, name: &str) -> Option<f64> {
        match name {
            "value" => Some(self.value),
            "reference" => Some(self.reference),
            "limit" => Some(self.limit()),
            _ => None,
        }
    }
}

impl Exercise {
    /// Makes an exercise of a key without rules.
    pub fn of(key: impl Into<String>, variant: Option<String>) -> Self {
        Self {
            key: key.into(),
            variant,
            at_most: None,
            size: Vec::new(),
            needs: None,
            condition: None,
            trade: None,
            curve: None,
        }
    }

    /// Returns the values of the curve's parameter, each once; none if there is no curve.
    ///
    /// # Errors
    /// If a point does not fit the parameters, with the reason in words.
    pub fn points_at(
        &self,
        tried: TriedValues,
        params: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, String> {
        let mut points = Vec::new();
        for rule in self.curve.iter().flat_map(|curve| &curve.points) {
            let (value, unit) = calculate(rule, &|name| quantity(name, Some(tried), params))?;
            let text = as_parameter(value, unit);
            if !points.contains(&text) {
                points.push(text);
            }
        }
        Ok(points)
    }

    /// Returns the parameters that follow the values, on top of those of the scenario.
    ///
    /// # Errors
    /// If a rule does not fit the parameters, with the reason in words.
    pub fn sized(
        &self,
        tried: TriedValues,
        params: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let mut all = params.clone();
        let mut sized = BTreeMap::new();
        for SizeRule { param, rule } in &self.size {
            let (value, unit) = calculate(rule, &|name| quantity(name, Some(tried), &all))?;
            let text = as_parameter(value, unit);
            all.insert(param.clone(), text.clone());
            sized.insert(param.clone(), text);
        }
        Ok(sized)
    }

    /// Returns the condition for these values and parameters; `None` if the scenario states none.
    pub fn condition_at(
        &self,
        tried: Option<TriedValues>,
        params: &BTreeMap<String, String>,
    ) -> Option<String> {
        fill(self.condition.as_deref()?, tried, params).ok()
    }

    /// Returns the load that the values would need; `None` if the scenario does not say.
    pub fn needed_at(
        &self,
        tried: TriedValues,
        params: &BTreeMap<String, String>,
    ) -> Option<String> {
        fill(self.needs.as_deref()?, Some(tried), params).ok()
    }
}

/// Returns the quantity that a name stands for.
fn quantity(
    name: &str,
    tried: Option<TriedValues>,
    params: &BTreeMap<String, String>,
) -> Option<(f64, Unit)> {
    match params.get(name) {
        Some(text) => parse_quantity(text).ok()?.in_unit(),
        None => Some((tried?.named(name)?, Unit::Count)),
    }
}

/// Writes a calculated quantity as a parameter. Counts and bytes are whole.
fn as_parameter(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count | Unit::Text | Unit::TcpState => format!("{:.0}", value.max(0.0)),
        Unit::Bytes => format!("{:.0}B", value.max(0.0)),
        Unit::PerSecond => format!("{:.0}/s", value.max(1.0)),
        Unit::BytesPerSecond => format!("{:.0}B/s", value.max(1.0)),
        Unit::Seconds => format!("{}s", (value.max(0.001) * 1000.0).round() / 1000.0),
    }
}

/// Separates the thousands of a number, perhaps with a unit. Other texts stay as they are.
fn readable(text: &str) -> String {
    let digits = text.len()
        - text
            .trim_start_matches(|each: char| each.is_ascii_digit())
            .len();
    let (number, rest) = text.split_at(digits);
    match number.parse::<f64>() {
        Ok(value) if digits > 3 && !rest.contains(|each: char| each.is_ascii_digit()) => {
            grouped(value, 0) + rest
        }
        _ => text.to_owned(),
    }
}

/// Fills `${name}` and `${expression}` into a text for readers.
///
/// # Errors
/// If an expression is wrong or has no value, with the reason in words.
pub(super) fn fill(
    text: &str,
    tried: Option<TriedValues>,
    params: &BTreeMap<String, String>,
) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inner, after) = after
            .split_once('}')
            .ok_or_else(|| "`${` without `}`".to_owned())?;
        filled.push_str(before);
        match params.get(inner.trim()) {
            Some(text) => filled.push_str(&readable(text)),
            None => {
                let (value, unit) = calculate(inner, &|name| quantity(name, tried, params))?;
                filled.push_str(&readable(&as_parameter(value, unit)));
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    const FIVE: TriedValues = TriedValues {
        value: 65_536.0,
        reference: 5000.0,
    };

    #[test]
    fn parameters_follow_the_smaller_of_the_two_values() {
        let rule = |param: &str, rule: &str| SizeRule {
            param: param.to_owned(),
            rule: rule.to_owned(),
        };
        let exercise = Exercise {
            size: vec![
                rule("attempts", "1.6 * limit"),
                rule("rate", "attempts / 4s"),
            ],
            condition: Some("at ${attempts} connections, ${limit / 60} of them".to_owned()),
            ..Exercise::of("net.ipv4.tcp_max_tw_buckets", None)
        };
        let own = params(&[("attempts", "10"), ("rate", "1/s")]);
        let sized = exercise.sized(FIVE, &own).unwrap();
        assert_eq!(sized, params(&[("attempts", "8000"), ("rate", "2000/s")]));
        assert_eq!(
            exercise.condition_at(Some(FIVE), &sized).unwrap(),
            "at 8,000 connections, 83 of them"
        );
    }

    #[test]
    fn timeouts_that_double_are_powers_of_two() {
        let retries = TriedValues {
            value: 2.0,
            reference: 6.0,
        };
        let text = "after ${2 * exp2(value) - 1} s, not ${2 * exp2(reference) - 1} s; ${0.1 * exp2(value) * 1s}";
        let filled = fill(text, Some(retries), &params(&[])).unwrap();
        assert_eq!(filled, "after 7 s, not 127 s; 0.4s");
    }

    #[test]
    fn rules_with_unknown_names_or_units_that_do_not_fit_are_errors() {
        for text in [
            "${limt}",
            "${limit + 1s}",
            "${limit",
            "${max(limit)}",
            "${exp2(1s)}",
            "${}",
        ] {
            assert!(fill(text, Some(FIVE), &params(&[])).is_err(), "{text}");
        }
    }
}
