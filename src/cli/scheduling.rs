//! Options for the order, number, retries and time limit of runs.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::message;
use super::trust::TrustArguments;
use crate::backend::MachineCapacity;
use crate::suite::{Options, RunOrder};
use crate::units::parse_duration;

/// The order, number, retries and time limit of runs.
#[derive(Debug, Args)]
pub(super) struct SchedulingArguments {
    /// Maximum number of runs at once; by default, as many as the machine can take
    ///
    /// The processors, memory and file descriptors of a run are estimated from its load, or taken from the
    /// record of an earlier run. A scenario with `exclusive: true` always runs alone.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Order in which runs start; results always follow file order
    #[arg(long, value_enum, default_value = "longest", value_name = "ORDER")]
    order: OrderWord,
    /// Seed of the random order; by default, a new one, which is printed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Retry a run that does not pass, up to N times; if it then passes, it is flaky
    ///
    /// Reports show flaky runs as such. They count as passed for the exit code, except with --strict.
    /// Without --retries, only an inconclusive run is retried, once and alone, because the machine may have
    /// been too busy.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    retries: u32,
    /// Run everything N times, and show how much verdicts and values vary
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    /// Kill a run that takes longer than this, set-up included, for example 90s or 5m; overrides the
    /// scenario's timeout
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    timeout: Option<Duration>,
    /// Start no more runs after one has failed or errored; runs in progress finish
    #[arg(long)]
    fail_fast: bool,
    #[command(flatten)]
    trust: TrustArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OrderWord {
    /// Longest first, so that the suite ends sooner
    Longest,
    /// As in the files
    File,
    /// Shuffled, to find runs that depend on the order
    Random,
}

fn timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("the timeout must not be zero".to_owned()),
        Ok(timeout) => Ok(timeout),
        Err(error) => Err(format!("{error}; write it like 90s or 5m")),
    }
}

impl SchedulingArguments {
    /// Returns a message if the options contradict each other.
    pub(super) fn problem(&self) -> Option<String> {
        let seed = self.seed.filter(|_| self.order != OrderWord::Random)?;
        Some(format!("--seed {seed} needs --order random"))
    }

    /// Returns the options. A new seed is printed.
    pub(super) fn options(&self) -> Options {
        Options {
            slots: Some(
                self.jobs
                    .map_or(usize::MAX, usize::from)
                    .min(MachineCapacity::max_runs()),
            ),
            order: match self.order {
                OrderWord::Longest => RunOrder::LongestFirst,
                OrderWord::File => RunOrder::File,
                OrderWord::Random => RunOrder::Random(self.seed.unwrap_or_else(new_seed)),
            },
            retries: self.retries,
            repeat: self.repeat,
            timeout: self.timeout,
            fail_fast: self.fail_fast,
            trust: self.trust.trust(),
            shares_machine: true,
            ..Options::default()
        }
    }
}

/// Takes a seed from the clock and prints it, so that the order can be repeated.
fn new_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = now.map_or(0, |now| u64::from(now.subsec_nanos()));
    message::note(format!("--order random --seed {seed}"));
    seed
}
