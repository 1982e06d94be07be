//! The curve of a link between two boxes, and a free place for its label.

/// Width of a character of a label (11 units of a monospaced font), and its height.
const LETTER: f64 = 6.7;
const HEIGHT: f64 = 13.0;
/// Space between a label and its curve.
const APART: f64 = 4.0;
/// Characters of a label before it is cut.
const LONGEST: usize = 32;

/// An area of a drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// Returns the size of the area that two areas share.
    fn overlap(&self, other: &Self) -> f64 {
        let shared = |from: f64, size: f64, other: f64, other_size: f64| {
            ((from + size).min(other + other_size) - from.max(other)).max(0.0)
        };
        shared(self.x, self.width, other.x, other.width)
            * shared(self.y, self.height, other.y, other.height)
    }
}

/// An end of a link: its place, and whether the link leaves to the left.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinkAnchor {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) left: bool,
}

/// The curve of a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinkCurve {
    from: LinkAnchor,
    to: LinkAnchor,
    pull: f64,
}

impl LinkCurve {
    pub(super) fn between(from: LinkAnchor, to: LinkAnchor) -> Self {
        let pull = 30.0_f64.max((from.x - to.x).abs() / 2.0);
        Self { from, to, pull }
    }

    /// Returns the x of the control point at an end.
    fn control(&self, end: LinkAnchor) -> f64 {
        if end.left {
            end.x - self.pull
        } else {
            end.x + self.pull
        }
    }

    /// Returns the curve as the data of an SVG path.
    pub(super) fn path(&self) -> String {
        let (from, to) = (self.from, self.to);
        format!(
            "M{} {}C{} {} {} {} {} {}",
            from.x,
            from.y,
            self.control(from),
            from.y,
            self.control(to),
            to.y,
            to.x,
            to.y
        )
    }

    /// Returns the point at this share of the curve (a cubic Bézier curve).
    fn point(&self, share: f64) -> (f64, f64) {
        let rest = 1.0 - share;
        let weights = [
            rest.powi(3),
            3.0 * rest.powi(2) * share,
            3.0 * rest * share.powi(2),
            share.powi(3),
        ];
        let xs = [
            self.from.x,
            self.control(self.from),
            self.control(self.to),
            self.to.x,
        ];
        let ys = [self.from.y, self.from.y, self.to.y, self.to.y];
        let sum = |values: [f64; 4]| {
            let parts = weights.iter().zip(values);
            parts.map(|(weight, value)| weight * value).sum()
        };
        (sum(xs), sum(ys))
    }

    /// Returns an area for a label of this width that shares the least with `taken`: above the curve, below it, or
    /// beside it.
    pub(super) fn label(&self, width: f64, taken: &[Area]) -> Area {
        let beside = width / 2.0 + 2.0 * APART;
        let shares = [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8];
        let ways = [
            (0.0, -HEIGHT - APART),
            (0.0, APART),
            (beside, -HEIGHT / 2.0),
            (-beside, -HEIGHT / 2.0),
        ];
        let candidates = shares.iter().flat_map(|share| {
            let (x, y) = self.point(*share);
            ways.iter().map(move |(right, down)| Area {
                x: x + right - width / 2.0,
                y: y + down,
                width,
                height: HEIGHT,
            })
        });
        let cost = |area: &Area| -> f64 {
            let shared: f64 = taken.iter().map(|other| area.overlap(other)).sum();
            // A label beyond the edges would be cut.
            let outside = (-area.x).max(0.0) * HEIGHT + (-area.y).max(0.0) * width;
            shared + outside
        };
        let best = candidates.min_by(|one, other| cost(one).total_cmp(&cost(other)));
        best.unwrap_or(Area {
            x: self.from.x,
            y: self.from.y,
            width,
            height: HEIGHT,
        })
    }
}

/// Cuts a label to a length that fits between two columns.
pub(super) fn label(words: &str) -> String {
    match words.char_indices().nth(LONGEST) {
        Some(_) => words.chars().take(LONGEST - 1).chain(['…']).collect(),
        None => words.to_owned(),
    }
}

/// Returns the width of a label.
pub(super) fn width(label: &str) -> f64 {
    LETTER * label.chars().count() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(x: f64, y: f64, left: bool) -> LinkAnchor {
        LinkAnchor { x, y, left }
    }

    #[test]
    fn a_label_between_nodes_of_one_column_is_beside_them() {
        let column = |y| Area {
            x: 0.0,
            y,
            width: 100.0,
            height: 40.0,
        };
        let boxes = [column(0.0), column(58.0)];
        let curve = LinkCurve::between(end(100.0, 20.0, false), end(100.0, 78.0, false));
        let label = curve.label(80.0, &boxes);
        assert!(
            boxes.iter().all(|each| label.overlap(each) == 0.0),
            "{label:?}"
        );
        assert!(label.x > 100.0);
    }

    #[test]
    fn labels_of_crossing_links_do_not_overlap() {
        let curves = [
            LinkCurve::between(end(100.0, 20.0, false), end(250.0, 80.0, true)),
            LinkCurve::between(end(100.0, 80.0, false), end(250.0, 20.0, true)),
        ];
        let first = curves[0].label(60.0, &[]);
        let second = curves[1].label(60.0, &[first]);
        assert_eq!(first.overlap(&second), 0.0);
    }

    #[test]
    fn long_labels_are_cut() {
        assert_eq!(label("5 ms"), "5 ms");
        let cut = label(&"x".repeat(40));
        assert_eq!((cut.chars().count(), cut.ends_with('…')), (32, true));
    }
}
