//! The page of a lesson in a real browser: every step can be taken, curves are drawn, and blanks are filled.

use nslab::learn::page::page;
use nslab::learn::{GridRuns, find};

use crate::html_page::browser::look_at_lesson;

#[test]
fn a_browser_takes_a_lesson_to_its_end_with_drawn_curves_and_filled_blanks() {
    for (name, curves, blanks) in [("timewait-arithmetic", 1, 0), ("who-closes", 0, 3)] {
        let lesson = find(name, &Default::default()).unwrap();
        let runs = GridRuns {
            own: Default::default(),
            cells: Vec::new(),
        };
        let Some(seen) = look_at_lesson(name, &page(&lesson, &runs, None)) else {
            return;
        };
        assert_eq!(seen["ended"], true, "{name}: {seen}");
        assert_eq!(seen["blanks"], blanks, "{name}: {seen}");
        assert_eq!(seen["refused"].as_u64() > Some(0), blanks > 0, "{seen}");
        let drawn = seen["curves"].as_array().unwrap();
        assert_eq!(drawn.len(), curves, "{name}: {seen}");
        for curve in drawn {
            let values = curve.as_array().unwrap().iter();
            let values: Vec<f64> = values
                .map(|value| value.as_str().unwrap().parse().unwrap())
                .collect();
            // The stroke rises over all moments, also those between its two points.
            assert!(values.is_sorted_by(|a, b| a < b), "{values:?}");
        }
    }
}
