//! Compact columns of numbers and texts: a table of texts, and numbers as differences.

use indexmap::IndexSet;

use crate::report::printable::one_line;

/// The texts of a run, each once. Columns refer to them by number.
#[derive(Debug, Default)]
pub(super) struct TextTable(IndexSet<String>);

impl TextTable {
    /// Returns the number of a text. Control characters are replaced.
    pub(super) fn number(&mut self, text: &str) -> usize {
        self.0.insert_full(one_line(text)).0
    }

    pub(super) fn into_texts(self) -> Vec<String> {
        self.0.into_iter().collect()
    }
}

/// Returns each number as the difference to the one before it, the first one to 0.
pub(super) fn differences(numbers: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let mut before = 0_i64;
    let each = numbers.into_iter().map(|number| {
        let difference = number.wrapping_sub(before);
        before = number;
        difference
    });
    each.collect()
}

/// Returns nanoseconds as a number of a column.
pub(super) fn nanos(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_no_control_characters() {
        let mut table = TextTable::default();
        assert_eq!(table.number("SYN"), 0);
        assert_eq!(table.number("a\u{1b}[2Jb"), 1);
        assert_eq!(table.number("SYN"), 0);
        assert_eq!(table.into_texts(), ["SYN", "a\u{241b}[2Jb"]);
    }

    #[test]
    fn differences_add_up_to_the_numbers() {
        assert_eq!(differences([5, 7, 7, -1]), [5, 2, 0, -8]);
    }
}
