//! Options for the programs that scenarios may run.

use clap::{Args, ValueEnum};

use crate::suite::Trust;

/// The scenarios whose programs may run.
#[derive(Debug, Args)]
pub(super) struct TrustArguments {
    /// Scenarios whose programs (`commands:`) may run; a run with programs is not applicable otherwise
    ///
    /// Programs run behind a boundary: they cannot change the host, but they can read its files and use its processors.
    /// `nslab run --plan` and `nslab check` list them. Use --kernel for scenarios from strangers; see docs/trust.md.
    #[arg(long, value_enum, default_value = "files", value_name = "WHICH")]
    trust: TrustWord,
    /// Run no programs; the same as --trust none
    #[arg(long, conflicts_with = "trust")]
    no_commands: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TrustWord {
    /// No scenario
    None,
    /// Scenarios that come with nslab
    Shipped,
    /// All scenarios, including files
    Files,
}

impl TrustArguments {
    pub(super) fn trust(&self) -> Trust {
        match (self.no_commands, self.trust) {
            (true, _) | (false, TrustWord::None) => Trust::None,
            (false, TrustWord::Shipped) => Trust::Shipped,
            (false, TrustWord::Files) => Trust::Files,
        }
    }
}
