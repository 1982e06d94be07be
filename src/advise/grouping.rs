//! Puts comparisons with the same first side together, so that its runs are made once.

use super::prepare::PreparedComparison;
use crate::compare::Side;
use crate::suite;

/// Most sides of a group: each has a letter.
const MOST_SIDES: usize = 26;

/// Sides that are compared with the first one.
#[derive(Debug)]
pub(super) struct TrialGroup {
    /// The number of its folder for records, from 1.
    pub(super) number: usize,
    /// The comparisons, one for each side after the first, by their positions among the prepared ones.
    pub(super) members: Vec<usize>,
    pub(super) sides: Vec<Side>,
}

/// Groups the comparisons at these positions. With `shortest_first`, groups that take the least time come first.
pub(super) fn groups(
    prepared: &[PreparedComparison],
    positions: &[usize],
    shortest_first: bool,
) -> Vec<TrialGroup> {
    let mut groups: Vec<TrialGroup> = Vec::new();
    for position in positions {
        let [first, other] = &prepared[*position].sides[..] else {
            continue;
        };
        let fits = |group: &&mut TrialGroup| {
            group.sides.len() < MOST_SIDES
                && group.sides.first().is_some_and(|own| same(own, first))
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.add(*position, other.clone()),
            None => {
                let mut group = TrialGroup {
                    number: groups.len() + 1,
                    members: Vec::new(),
                    sides: vec![first.clone()],
                };
                group.add(*position, other.clone());
                groups.push(group);
            }
        }
    }
    if shortest_first {
        groups.sort_by_key(|group| {
            let first = group.sides.first();
            first.map(|side| suite::expected(&side.spec))
        });
    }
    groups
}

impl TrialGroup {
    fn add(&mut self, position: usize, side: Side) {
        let letter = ('a'..='z').nth(self.sides.len()).unwrap_or('z');
        self.members.push(position);
        self.sides.push(Side { letter, ..side });
    }
}

/// Returns true if two sides make the same runs.
fn same(one: &Side, other: &Side) -> bool {
    one.file.label == other.file.label && one.file.set == other.file.set && one.spec == other.spec
}
