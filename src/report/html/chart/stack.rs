//! Stacked layers: each drawn by the height of its upper edge.

use std::collections::BTreeSet;

use super::Layer;
use super::curve::{Curve, column_of};
use crate::record::Offset;

/// Returns the upper edge of every layer, the lowest first. All edges change at the same moments. Of these, each column
/// keeps those at which the sum or the lowest layer is greatest or least, and the last, so that the difference of two
/// edges is a recorded value.
pub(super) fn edges(layers: &[Layer], end: Offset, columns: usize) -> Vec<Curve> {
    let moments: BTreeSet<Offset> = layers
        .iter()
        .flat_map(|layer| layer.curve.changes())
        .map(|(t, _)| *t)
        .collect();
    let mut walks: Vec<_> = layers
        .iter()
        .map(|layer| (layer.curve.changes().iter().peekable(), 0.0))
        .collect();
    let rows: Vec<(Offset, Vec<f64>)> = moments
        .into_iter()
        .map(|moment| {
            let mut height = 0.0;
            let heights = walks.iter_mut().map(|(changes, value)| {
                while let Some((_, next)) = changes.next_if(|(t, _)| *t <= moment) {
                    *value = *next;
                }
                height += *value;
                height
            });
            (moment, heights.collect())
        })
        .collect();
    let kept = thinned(&rows, end, columns);
    (0..layers.len())
        .map(|layer| Curve::new(kept.iter().map(|(t, heights)| (*t, heights[layer]))))
        .collect()
}

/// Returns the greatest height of all layers together.
pub(super) fn height(layers: &[Layer]) -> f64 {
    edges(layers, Offset(u64::MAX), usize::MAX >> 1)
        .last()
        .and_then(Curve::extremes)
        .map_or(0.0, |[_, greatest]| greatest.1)
}

fn thinned(rows: &[(Offset, Vec<f64>)], end: Offset, columns: usize) -> Vec<&(Offset, Vec<f64>)> {
    let mut kept = Vec::new();
    for column in rows.chunk_by(|a, b| column_of(a.0, end, columns) == column_of(b.0, end, columns))
    {
        let mut indexes = BTreeSet::from([column.len() - 1]);
        for edge in [0, column[0].1.len() - 1] {
            let by_height =
                |a: &usize, b: &usize| column[*a].1[edge].total_cmp(&column[*b].1[edge]);
            indexes.extend((0..column.len()).min_by(by_height));
            indexes.extend((0..column.len()).max_by(by_height));
        }
        kept.extend(indexes.into_iter().map(|index| &column[index]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(changes: &[(u64, f64)]) -> Layer {
        Layer {
            name: String::new(),
            curve: Curve::new(changes.iter().map(|(t, value)| (Offset(*t), *value))),
            colour: 0,
            emulated: false,
        }
    }

    #[test]
    fn each_edge_is_the_sum_of_the_layers_up_to_it() {
        let layers = [
            layer(&[(0, 1.0), (10, 3.0)]),
            layer(&[(5, 10.0), (10, 0.0)]),
        ];
        let edges = edges(&layers, Offset(20), 20);
        assert_eq!(edges[0].at(Offset(7)), Some(1.0));
        assert_eq!(edges[1].at(Offset(7)), Some(11.0));
        assert_eq!(edges[1].at(Offset(12)), Some(3.0));
        assert!((height(&layers) - 11.0).abs() < f64::EPSILON);
    }

    #[test]
    fn thinned_edges_still_differ_by_recorded_values() {
        let low: Vec<(u64, f64)> = (0..10_000).map(|i| (i, (i % 13) as f64)).collect();
        let high: Vec<(u64, f64)> = (0..10_000).map(|i| (i, (i % 7) as f64)).collect();
        let layers = [layer(&low), layer(&high)];
        let edges = edges(&layers, Offset(10_000), 50);
        assert!(edges[1].changes().len() <= 250);
        for (t, sum) in edges[1].changes() {
            let difference = sum - edges[0].at(*t).unwrap();
            assert_eq!(layers[1].curve.at(*t), Some(difference));
        }
    }
}
