//! How a suite is run: in which order, how many at once, how often, how long.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::output;
use crate::backend::Machine;
use crate::suite::{Options, RunOrder};
use crate::units::parse_duration;

/// How runs are run.
#[derive(Debug, Args)]
pub(super) struct HowArguments {
    /// At most this many runs at once; as many as processors, memory and descriptors carry when not given
    ///
    /// What a run needs is estimated from its load, or known from the record of an earlier run in the folder of records.
    /// A scenario with `exclusive: true` never has another beside it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// In which order runs begin; results are told in the order of files in any case
    #[arg(long, value_enum, default_value = "longest", value_name = "ORDER")]
    order: OrderWord,
    /// What the random order follows from; one is drawn and told when not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Try a run that does not pass again, up to N times; where it then passes it is *flaky*
    ///
    /// Flaky runs are shown as such in every report, and count as passed for the exit code unless --strict. Without this, only
    /// what is inconclusive is tried again, once, with no other run beside it: the machine may have been too busy.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    retries: u32,
    /// Run everything N times, and tell how far verdicts and observed values spread
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    /// Kill a run that takes longer than this, set-up included, in place of its scenario's own timeout: 90s, 5m
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Duration>,
    /// Begin no run after one that failed or errored; those that go on come to their end
    #[arg(long)]
    fail_fast: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OrderWord {
    /// Those expected to take longest first, so that the suite ends soon
    Longest,
    /// As the files have them
    File,
    /// Shuffled, to find what depends on the order
    Random,
}

fn timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("a run cannot end in no time".to_owned()),
        Ok(timeout) => Ok(timeout),
        Err(error) => Err(format!("{error}; write it like 90s or 5m")),
    }
}

impl HowArguments {
    /// What contradicts itself.
    pub(super) fn problem(&self) -> Option<String> {
        let seed = self.seed.filter(|_| self.order != OrderWord::Random)?;
        Some(format!("--seed {seed} is for --order random"))
    }

    /// The same as options; a seed that is drawn is told.
    pub(super) fn options(&self) -> Options {
        Options {
            slots: Some(
                self.jobs
                    .map_or(usize::MAX, usize::from)
                    .min(Machine::max_runs()),
            ),
            order: match self.order {
                OrderWord::Longest => RunOrder::LongestFirst,
                OrderWord::File => RunOrder::File,
                OrderWord::Random => RunOrder::Random(self.seed.unwrap_or_else(drawn)),
            },
            retries: self.retries,
            repeat: self.repeat,
            timeout: self.timeout,
            fail_fast: self.fail_fast,
            shares_machine: true,
            ..Options::default()
        }
    }
}

/// A seed from the clock, told so that the order can be had again.
fn drawn() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = now.map_or(0, |now| u64::from(now.subsec_nanos()));
    output::err(&format!("note: --order random --seed {seed}\n"));
    seed
}
