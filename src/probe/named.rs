//! Which series the expectations of a run name: those are looked at more closely.

use std::collections::BTreeSet;

use crate::names::{NodeName, SeriesName};
use crate::scenario::RunSpec;
use crate::scenario::expr::{Claim, Expr};

/// The names of series in a run's expectations.
#[derive(Debug, Default)]
pub(super) struct NamedSeries(BTreeSet<SeriesName>);

impl NamedSeries {
    /// Those of a run.
    pub(super) fn of(spec: &RunSpec) -> Self {
        let mut named = Self::default();
        for expectation in &spec.expect {
            match &expectation.claim {
                Claim::Compare { left, right, .. } => {
                    named.add(left);
                    named.add(right);
                }
                Claim::In { value, low, high } => {
                    named.add(value);
                    named.add(low);
                    named.add(high);
                }
                Claim::Matches { metric, .. } => {
                    named.0.insert(metric.series.clone());
                }
            }
        }
        named
    }

    /// What is named of a node: `tcp.TIME_WAIT`, `TcpExtListenDrops`.
    pub(super) fn of_node(&self, node: &NodeName) -> BTreeSet<String> {
        let of_node = |series: &SeriesName| {
            let rest = series.as_str().strip_prefix(node.as_str())?;
            rest.strip_prefix('.').map(str::to_owned)
        };
        self.0.iter().filter_map(of_node).collect()
    }

    fn add(&mut self, quantity: &Expr) {
        match quantity {
            Expr::Number { .. } => {}
            Expr::Metric(metric) | Expr::Series { metric, .. } => {
                self.0.insert(metric.series.clone());
            }
            Expr::Binary { left, right, .. } => {
                self.add(left);
                self.add(right);
            }
            Expr::Negate(inner) => self.add(inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_of_a_node_is_not_that_of_one_whose_name_begins_alike() {
        let names = ["client.tcp.TIME_WAIT", "client2.TcpInSegs", "client"];
        let named = NamedSeries(names.map(SeriesName::from).into());
        let of_client = named.of_node(&NodeName::from("client"));
        assert_eq!(of_client, BTreeSet::from(["tcp.TIME_WAIT".to_owned()]));
    }
}
