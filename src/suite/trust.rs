//! The scenarios whose programs may run.

use super::discover::shipped;
use super::result::ScenarioFile;

/// The scenarios whose programs may run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trust {
    /// None: no program runs.
    None,
    /// Those that come with nslab, unchanged.
    Shipped,
    /// All, including files.
    #[default]
    Files,
}

impl Trust {
    /// Returns true if the programs of a scenario may run. Shipped scenarios are recognised by their text, so a copy in
    /// a file counts as well.
    pub fn covers(self, file: &ScenarioFile) -> bool {
        match self {
            Self::None => false,
            Self::Shipped => shipped().iter().any(|source| source.text == file.text),
            Self::Files => true,
        }
    }
}
