//! Labels next to a chart: each as close as possible to its line, without overlaps.

/// Smallest distance between the baselines of two labels, in units of the drawing.
const APART: f64 = 14.0;

/// A label to the right of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    /// Height of the line that it names.
    pub(super) at: f64,
    /// Height of the label itself; set by [`spread`].
    pub(super) y: f64,
    pub(super) text: String,
    /// The full text, shown on hover.
    pub(super) title: String,
    pub(super) class: &'static str,
    /// True if a connecting line leads to the label.
    pub(super) leader: bool,
}

/// Places the labels between two heights, keeping their order. Returns how many did not fit.
pub(super) fn spread(labels: &mut Vec<Label>, top: f64, bottom: f64) -> usize {
    labels.sort_by(|a, b| a.at.total_cmp(&b.at));
    labels.dedup_by(|a, b| a.text == b.text && a.class == b.class);
    let room = ((bottom - top) / APART) as usize + 1;
    let left_out = labels.len().saturating_sub(room);
    labels.truncate(room);
    let mut free = top;
    for label in labels.iter_mut() {
        label.y = label.at.max(free);
        free = label.y + APART;
    }
    let mut free = bottom;
    for label in labels.iter_mut().rev() {
        label.y = label.y.min(free);
        free = label.y - APART;
    }
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(places: &[f64]) -> Vec<Label> {
        places
            .iter()
            .enumerate()
            .map(|(index, at)| Label {
                at: *at,
                y: 0.0,
                text: format!("label {index}"),
                title: String::new(),
                class: "passed",
                leader: true,
            })
            .collect()
    }

    #[test]
    fn labels_neither_overlap_nor_lie_outside() {
        for places in [
            &[10.0, 10.0, 10.0][..],
            &[170.0, 169.0, 168.0, 20.0],
            &[-5.0, 200.0],
        ] {
            let mut labels = labels(places);
            assert_eq!(spread(&mut labels, 0.0, 170.0), 0);
            for pair in labels.windows(2) {
                assert!(pair[1].y - pair[0].y >= APART - 1e-9, "{labels:?}");
            }
            assert!(labels.iter().all(|label| (0.0..=170.0).contains(&label.y)));
        }
    }

    #[test]
    fn a_label_with_room_stays_where_it_belongs() {
        let mut labels = labels(&[50.0, 100.0]);
        spread(&mut labels, 0.0, 170.0);
        assert_eq!((labels[0].y, labels[1].y), (50.0, 100.0));
    }

    #[test]
    fn labels_that_do_not_fit_are_counted() {
        let mut labels = labels(&[1.0; 30]);
        assert_eq!(spread(&mut labels, 0.0, 140.0), 30 - 11);
        assert_eq!(labels.len(), 11);
    }
}
