//! A position in a scenario file, as it is shown to people and kept in records.

use serde::{Deserialize, Serialize};

/// A position in a scenario file. Lines and columns (in characters) count from 1; 0:0 stands for something
/// that is not in the file.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 {
            return f.write_str("not from the file");
        }
        write!(f, "{}:{}", self.line, self.column)
    }
}
