//! The effect of a line at several values of a parameter of its scenario. Pure.

use crate::compare::{Comparison, Conclusion, Effect, EffectKind};
use crate::scenario::CurveRule;
use crate::units::{Unit, parse_quantity};

/// The effect of a line along a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectCurve {
    /// The parameter of the scenario, as in `connect-rate`.
    pub param: String,
    /// The parameter in words that follow its value, as in `connections in TIME_WAIT`.
    pub along: Option<String>,
    /// The metric that is shown.
    pub metric: String,
    /// Unit of the metric.
    pub unit: Unit,
    /// The points, from the smallest value of the parameter. Each was run; nothing between them was.
    pub points: Vec<CurvePoint>,
}

/// The effect of a line at one value of the parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct CurvePoint {
    /// The value as written, as in `520/s`.
    pub at: String,
    /// The value as a number.
    pub quantity: f64,
    /// The answer there.
    pub answer: Conclusion,
    /// The means of the metric without and with the line, in the base of its unit.
    pub means: [f64; 2],
}

impl EffectCurve {
    /// Begins a curve with the main run of a comparison. The metric is the one that decides there.
    pub(super) fn of(rule: &CurveRule, at: &str, comparison: &Comparison) -> Option<Self> {
        let moved = |each: &&Effect| match each.kind {
            EffectKind::Better | EffectKind::Worse | EffectKind::Changed => true,
            EffectKind::Same | EffectKind::Unclear => false,
        };
        let effects = || comparison.effects.iter();
        let shown = effects().find(moved).or_else(|| effects().next())?;
        let mut curve = Self {
            param: rule.param.clone(),
            along: rule.along.clone(),
            metric: shown.metric.clone(),
            unit: shown.unit,
            points: Vec::new(),
        };
        curve.add(at, comparison);
        Some(curve)
    }

    /// Adds a point, unless its runs lack the metric.
    pub(super) fn add(&mut self, at: &str, comparison: &Comparison) {
        let mut effects = comparison.effects.iter();
        let effect = effects.find(|each| each.metric == self.metric);
        let quantity = parse_quantity(at).ok().and_then(|each| each.in_unit());
        let (Some(effect), Some((quantity, _))) = (effect, quantity) else {
            return;
        };
        self.points.push(CurvePoint {
            at: at.to_owned(),
            quantity,
            answer: comparison.answer,
            means: [effect.a.mean, effect.b.mean],
        });
        self.points
            .sort_by(|one, other| one.quantity.total_cmp(&other.quantity));
    }

    /// Returns true if more than the main run was made.
    pub(super) fn has_several_points(&self) -> bool {
        self.points.len() > 1
    }

    /// Returns the answers along the parameter, as in `no effect at connect-rate 235/s to 446/s, helps at 520/s`.
    pub fn range(&self) -> String {
        let mut parts: Vec<(Conclusion, &str, &str)> = Vec::new();
        for point in &self.points {
            match parts.last_mut() {
                Some((answer, _, last)) if *answer == point.answer => *last = &point.at,
                _ => parts.push((point.answer, &point.at, &point.at)),
            }
        }
        // The parameter is named once.
        let (mut before, mut after) = match &self.along {
            Some(words) => (String::new(), format!(" {words}")),
            None => (format!("{} ", self.param), String::new()),
        };
        let shown = parts.into_iter().map(|(answer, first, last)| {
            let param = std::mem::take(&mut before);
            let words = std::mem::take(&mut after);
            let to = if first == last {
                String::new()
            } else {
                format!(" to {last}")
            };
            format!("{} at {param}{first}{to}{words}", answer.as_str())
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(&str, f64, Conclusion, [f64; 2])]) -> EffectCurve {
        let point =
            |(at, quantity, answer, means): &(&str, f64, Conclusion, [f64; 2])| CurvePoint {
                at: (*at).to_owned(),
                quantity: *quantity,
                answer: *answer,
                means: *means,
            };
        EffectCurve {
            param: "connect-rate".to_owned(),
            along: None,
            metric: "load.established".to_owned(),
            unit: Unit::Count,
            points: points.iter().map(point).collect(),
        }
    }

    #[test]
    fn answers_along_a_parameter_are_joined_while_they_are_the_same() {
        let curve = curve(&[
            ("235/s", 235.0, Conclusion::NoEffect, [100.0, 100.0]),
            ("446/s", 446.0, Conclusion::NoEffect, [200.0, 200.0]),
            ("520/s", 520.0, Conclusion::Helps, [210.0, 400.0]),
        ]);
        assert_eq!(
            curve.range(),
            "no effect at connect-rate 235/s to 446/s, helps at 520/s"
        );
        let in_words = EffectCurve {
            along: Some("connections to one destination".to_owned()),
            ..curve
        };
        assert_eq!(
            in_words.range(),
            "no effect at 235/s to 446/s connections to one destination, helps at 520/s"
        );
    }
}
