//! Time charts of what expectations look at.
//!
//! `group` says what belongs together, `pick` makes it `Chart`s of `Curve`s with `Bound`s, `draw` draws them.

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

/// In how many columns curves are drawn: the first is a column for each unit of a chart's width, the last still shows how
/// a run went.
const COLUMNS: [usize; 8] = [620, 440, 310, 220, 155, 110, 80, 56];
/// What all curves of a page may weigh together, bytes. Twenty scenarios have to fit into 5 MB with everything else.
const WEIGHT_OF_CURVES: usize = 2_000_000;
/// What one change of a curve weighs, bytes: `h100v-12`.
const WEIGHT_OF_CHANGE: usize = 8;

/// The finest drawing with which a page of these charts stays light.
pub(super) fn columns_for(charts: &[&Chart]) -> usize {
    let light = |columns: &usize| {
        let changes = charts
            .iter()
            .flat_map(|chart| chart.drawn(*columns))
            .map(|curve| curve.changes().len());
        // Stops as soon as it is too much.
        let room = WEIGHT_OF_CURVES / WEIGHT_OF_CHANGE;
        changes
            .into_iter()
            .try_fold(room, usize::checked_sub)
            .is_some()
    };
    let coarsest = COLUMNS[COLUMNS.len() - 1];
    COLUMNS.into_iter().find(light).unwrap_or(coarsest)
}

/// What one chart shows.
#[derive(Debug)]
pub(super) struct Chart {
    /// Whose values these are: a node or an actor.
    owner: String,
    /// What they are.
    title: String,
    /// What the vertical axis counts.
    unit: Unit,
    /// Whether layers stand on each other.
    stacked: bool,
    /// The curves; of a stack the lowest first, each with its own values.
    layers: Vec<Layer>,
    /// A line that the values cannot pass, with its name.
    limit: Option<(String, Curve)>,
    /// What expectations ask of the values.
    bounds: Vec<Bound>,
    /// Moments worth a mark, ascending, with their names.
    marks: Vec<(Offset, String)>,
    /// The end of the time axis.
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
    /// What is drawn for each layer, the lowest first: its curve, or in a stack its upper edge.
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
    fn the_more_there_is_to_draw_the_coarser_it_gets() {
        let (busy, quiet) = (chart(4_000), chart(10));
        assert_eq!(columns_for(&[]), 620);
        assert_eq!(columns_for(&vec![&quiet; 1000]), 620);
        assert_eq!(columns_for(&[&busy; 10]), 620);
        assert_eq!(columns_for(&vec![&busy; 500]), 155);
    }
}
