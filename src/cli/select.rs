//! Which scenarios and which of their runs: the same for every verb that takes scenarios.

use std::path::Path;

use clap::Args;

use super::load::{FileArguments, load};
use super::output;
use crate::suite::{FailedRuns, Filter, Selected, Selection, Shard};

/// Which runs of which scenarios.
#[derive(Debug, Args)]
pub(super) struct SelectArguments {
    #[command(flatten)]
    pub(super) files: FileArguments,
    /// Only scenarios with this tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only these variants; may be repeated (comparisons need all that they name)
    #[arg(long = "variant", value_name = "NAME")]
    variants: Vec<String>,
    /// Also scenarios tagged `slow`, which are left out unless named
    #[arg(long)]
    slow: bool,
    /// Only runs that this filter takes: -E 'tag(ports) and not name(~full)'
    ///
    /// name(..) is the scenario's name, file(..) its path from any folder on, tag(..) one of its tags, variant(..) the
    /// run's variant, case(..) one of its matrix values as in case(rate=500/s); all() and none() are what they say.
    /// They are joined by `and`, `or`, `not` (or `&`, `|`, `!`) and parentheses.
    ///
    /// What is to match is an exact name, or a glob where it has `*`, `?`, `[` or `{`; =name is exact in any case, ~part is
    /// contained, /regex/ matches. A scenario tagged `slow` is taken only with --slow, or where the filter names tag(slow).
    #[arg(short = 'E', long = "filter", value_name = "FILTER")]
    filter: Option<Filter>,
    /// Only the second of five shares, for five machines: --shard 2/5
    ///
    /// The share of a run follows from its name: it is in exactly one, and other scenarios that come or go do not move it. Runs
    /// that are compared with each other stay together, shares are therefore not of the same size, and one may be empty. Each
    /// machine must select the same otherwise; `nslab report --merge` joins their records. In an indexed Kubernetes job:
    /// --shard $((JOB_COMPLETION_INDEX + 1))/5
    #[arg(long, value_name = "N/OF")]
    shard: Option<Shard>,
    /// Only runs that did not pass and have not passed since
    ///
    /// Which these are is kept beside the records (failed.json in nslab-out, or in the folder of --record) as long as there are
    /// any. Without files, theirs are taken.
    #[arg(long)]
    rerun_failed: bool,
}

/// What the arguments select.
pub(super) enum Choice {
    /// These runs.
    Runs(Selected),
    /// Nothing, as is right.
    Nothing,
    /// A mistake, which has been told.
    Invalid,
}

/// Reads the scenarios and takes what is wanted. What did not pass is looked up in the folder of records.
pub(super) fn select(arguments: &SelectArguments, records: Option<&Path>) -> Choice {
    let mut files = arguments.files.clone();
    let failed = match failed(arguments, records) {
        Ok(failed) => failed,
        Err(choice) => return choice,
    };
    if let Some(failed) = failed.as_ref().filter(|_| files.files.is_empty()) {
        files.files = failed.files();
    }
    let Some(loaded) = load(&files) else {
        return Choice::Invalid;
    };
    let selection = Selection {
        tags: arguments.tags.clone(),
        variants: arguments.variants.clone(),
        slow: arguments.slow || files.are_named(),
        filter: arguments.filter.clone(),
        shard: arguments.shard,
        failed,
    };
    match selection.of(loaded) {
        Ok(selected) => {
            if let Some(shard) = arguments.shard.filter(|_| selected.files.is_empty()) {
                output::err(&format!("note: shard {shard} has no run\n"));
            }
            Choice::Runs(selected)
        }
        Err(errors) => {
            for error in errors {
                output::error(&error);
            }
            Choice::Invalid
        }
    }
}

fn failed(
    arguments: &SelectArguments,
    records: Option<&Path>,
) -> Result<Option<FailedRuns>, Choice> {
    if !arguments.rerun_failed {
        return Ok(None);
    }
    let Some(folder) = records else {
        output::err("error: --rerun-failed looks beside the records, and --no-record keeps none\n");
        return Err(Choice::Invalid);
    };
    match FailedRuns::read(folder) {
        Ok(failed) if failed.is_empty() => {
            let folder = folder.display();
            output::err(&format!(
                "note: nothing is to be run again: no run is noted in {folder} as not passed\n"
            ));
            Err(Choice::Nothing)
        }
        Ok(failed) => Ok(Some(failed)),
        Err(error) => {
            let folder = folder.display();
            output::err(&format!(
                "error: cannot read failed.json in {folder}: {error}\n"
            ));
            Err(Choice::Invalid)
        }
    }
}
