//! The search for the first of several ordered candidates, such as kernels, that differs from a good one.

use std::collections::BTreeSet;

/// The result of trying a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BisectFinding {
    /// It is like the good one.
    Same,
    /// It differs from the good one.
    Different,
    /// It cannot be tried, or its result says nothing.
    Unclear,
}

/// A search by halves. Candidates are numbered from the good one, 0, to the bad one.
#[derive(Debug, Clone)]
pub struct Bisection {
    last_same: usize,
    first_different: usize,
    unclear: BTreeSet<usize>,
}

impl Bisection {
    /// Starts a search among at least two candidates. The first is the good one, the last the bad one; they are known
    /// to differ.
    pub fn among(candidates: usize) -> Self {
        Self {
            last_same: 0,
            first_different: candidates.saturating_sub(1).max(1),
            unclear: BTreeSet::new(),
        }
    }

    /// Returns the candidate to try next: the one nearest to the middle that has not been tried. `None` once the
    /// search is complete.
    pub fn next(&self) -> Option<usize> {
        let middle = usize::midpoint(self.last_same, self.first_different);
        let left = self.last_same + 1..self.first_different;
        let untried = left.filter(|candidate| !self.unclear.contains(candidate));
        untried.min_by_key(|candidate| (candidate.abs_diff(middle), *candidate))
    }

    /// Takes the result of trying a candidate.
    pub fn found(&mut self, candidate: usize, finding: BisectFinding) {
        match finding {
            BisectFinding::Same => self.last_same = self.last_same.max(candidate),
            BisectFinding::Different => self.first_different = self.first_different.min(candidate),
            BisectFinding::Unclear => {
                self.unclear.insert(candidate);
            }
        }
    }

    /// Returns the last candidate that is like the good one.
    pub fn last_same(&self) -> usize {
        self.last_same
    }

    /// Returns the first candidate that was found to differ.
    pub fn first_different(&self) -> usize {
        self.first_different
    }

    /// Returns the candidates between the two, which may differ too.
    pub fn undecided(&self) -> impl Iterator<Item = usize> {
        self.last_same + 1..self.first_different
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches among candidates of which the one with this number is the first that differs.
    fn search(candidates: usize, first: usize, unclear: &[usize]) -> (Bisection, usize) {
        let mut bisection = Bisection::among(candidates);
        let mut tried = 0;
        while let Some(next) = bisection.next() {
            tried += 1;
            let finding = match next {
                next if unclear.contains(&next) => BisectFinding::Unclear,
                next if next < first => BisectFinding::Same,
                _ => BisectFinding::Different,
            };
            bisection.found(next, finding);
        }
        (bisection, tried)
    }

    #[test]
    fn the_first_that_differs_is_found_by_halves() {
        for candidates in 2..=20 {
            for first in 1..candidates {
                let (bisection, tried) = search(candidates, first, &[]);
                assert_eq!(bisection.first_different(), first);
                assert_eq!(bisection.last_same(), first - 1);
                assert_eq!(bisection.undecided().count(), 0);
                assert!(
                    tried <= candidates.ilog2() as usize + 1,
                    "{tried} of {candidates}"
                );
            }
        }
    }

    #[test]
    fn candidates_that_cannot_be_tried_are_left_undecided() {
        let (bisection, _) = search(8, 4, &[3, 4]);
        assert_eq!((bisection.last_same(), bisection.first_different()), (2, 5));
        assert_eq!(bisection.undecided().collect::<Vec<_>>(), [3, 4]);
        let (bisection, tried) = search(5, 4, &[1, 2, 3]);
        assert_eq!((bisection.first_different(), tried), (4, 3));
    }
}
