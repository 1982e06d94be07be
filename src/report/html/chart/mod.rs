//! Time charts of the quantities that expectations name.
//!
//! `group` finds the quantities that belong together, `pick` makes `Chart`s of `Curve`s with `Bound`s, and `draw` draws
//! them.

mod axis;
mod bound;
mod curve;
pub(super) mod draw;
mod group;
mod label;
mod overlay;
pub(super) mod pick;
mod rates;
mod scale;
mod stack;
mod table;

use crate::record::Offset;
use crate::units::Unit;
use bound::Bound;
use curve::Curve;

/// Columns in which curves are drawn: the first has one for each unit of a chart's width, the last still shows the
/// course of a run.
const COLUMNS: [usize; 8] = [620, 440, 310, 220, 155, 110, 80, 56];
/// Maximum size of all curves of a page in bytes: twenty scenarios have to fit into 5 MB with everything else.
const WEIGHT_OF_CURVES: usize = 2_000_000;
/// Size of one change of a curve in bytes: `h100v-12`.
const WEIGHT_OF_CHANGE: usize = 8;

/// Returns the finest resolution with which a page of these charts stays small.
pub(super) fn columns_for(charts: &[&Chart]) -> usize {
    let light = |columns: &usize| {
        let changes = charts
            .iter()
            .flat_map(|chart| chart.drawn(*columns))
            .map(|curve| curve.changes().len());
        // Stop as soon as the limit is exceeded.
        let room = WEIGHT_OF_CURVES / WEIGHT_OF_CHANGE;
        changes
            .into_iter()
            .try_fold(room, usize::checked_sub)
            .is_some()
    };
    let coarsest = COLUMNS[COLUMNS.len() - 1];
    COLUMNS.into_iter().find(light).unwrap_or(coarsest)
}

/// The content of one chart.
#[derive(Debug)]
pub(super) struct Chart {
    /// The node or actor that the values belong to.
    owner: String,
    title: String,
    /// Unit of the vertical axis.
    unit: Unit,
    /// True if the curves are stacked.
    stacked: bool,
    /// The curves with their own values; in a stack the lowest first.
    layers: Vec<Layer>,
    /// A limit that the values cannot exceed, with its name.
    limit: Option<(String, Curve)>,
    bounds: Vec<Bound>,
    /// Marked moments in ascending order, with their names.
    marks: Vec<(Offset, String)>,
    /// End of the time axis.
    end: Offset,
}

/// One curve of a chart.
#[derive(Debug)]
struct Layer {
    name: String,
    curve: Curve,
    /// Index into the style sheet's colours.
    colour: usize,
    emulated: bool,
}

impl Chart {
    /// Returns the drawn line of each layer, the lowest first: its curve, or in a stack its upper edge.
    fn drawn(&self, columns: usize) -> Vec<Curve> {
        if self.stacked {
            return stack::edges(&self.layers, self.end, columns);
        }
        let thinned = |layer: &Layer| layer.curve.thinned(self.end, columns);
        self.layers.iter().map(thinned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(changes: u64) -> Chart {
        let curve = Curve::new((0..changes).map(|t| (Offset(t), (t % 17) as f64)));
        let layer = Layer {
            name: String::new(),
            curve,
            colour: 0,
            emulated: false,
        };
        Chart {
            owner: String::new(),
            title: String::new(),
            unit: Unit::Count,
            stacked: false,
            layers: vec![layer],
            limit: None,
            bounds: Vec::new(),
            marks: Vec::new(),
            end: Offset(changes),
        }
    }

    #[test]
    fn more_curves_are_drawn_more_coarsely() {
        let (busy, quiet) = (chart(4_000), chart(10));
        assert_eq!(columns_for(&[]), 620);
        assert_eq!(columns_for(&vec![&quiet; 1000]), 620);
        assert_eq!(columns_for(&[&busy; 10]), 620);
        assert_eq!(columns_for(&vec![&busy; 500]), 155);
    }
}
