//! Different numbers for every student: values of the lesson's parameters, chosen by a seed.

use std::collections::BTreeMap;

use crate::random::SplitMix64;
use crate::scenario::lesson::Lesson;

/// Values of parameters.
pub type Numbers = BTreeMap<String, String>;

/// Largest number of combinations that are drawn from; further students get the same numbers as earlier ones.
const MOST: usize = 100_000;

/// Returns the numbers of a seed. Seeds from 1 up to the number of combinations all get different ones.
pub fn numbers_for(lesson: &Lesson, seed: u64) -> Numbers {
    let sizes = lesson.vary.iter().map(|knob| knob.values.len());
    let all = sizes
        .fold(1_usize, |all, size| all.saturating_mul(size))
        .min(MOST);
    let mut order: Vec<usize> = (0..all).collect();
    // Neighbours should not get neighbouring numbers.
    let mut random = SplitMix64::new(0x006c_6561_726e);
    for last in (1..all).rev() {
        let drawn = usize::try_from(random.next_u64() % (last as u64 + 1)).unwrap_or(0);
        order.swap(last, drawn);
    }
    let turn = usize::try_from(seed.wrapping_sub(1) % all as u64).unwrap_or(0);
    let mut rest = order.get(turn).copied().unwrap_or(0);
    let mut numbers = Numbers::new();
    for knob in &lesson.vary {
        let size = knob.values.len().max(1);
        if let Some(value) = knob.values.get(rest % size) {
            numbers.insert(knob.param.clone(), value.clone());
        }
        rest /= size;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scenario::lesson::Knob;

    #[test]
    fn thirty_students_get_thirty_different_numbers() {
        let values = |n: usize| (0..n).map(|value| value.to_string()).collect();
        let knob = |param: &str, n| Knob {
            param: param.to_owned(),
            values: values(n),
        };
        let lesson = Lesson {
            vary: vec![knob("a", 5), knob("b", 6)],
            ..Lesson::default()
        };
        let all: BTreeSet<Numbers> = (1..=30).map(|seed| numbers_for(&lesson, seed)).collect();
        assert_eq!(all.len(), 30);
        assert_eq!(numbers_for(&lesson, 31), numbers_for(&lesson, 1));
        assert!(numbers_for(&Lesson::default(), 7).is_empty());
    }
}
