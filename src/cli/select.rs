//! Selects scenarios and runs, for every verb that takes scenarios.

use std::path::Path;

use clap::Args;

use super::load::{FileArguments, load};
use super::message;
use crate::suite::{FailedRuns, Filter, Selected, Selection, Shard};

/// The selection of scenarios and runs.
#[derive(Debug, Args)]
pub(super) struct SelectArguments {
    #[command(flatten)]
    pub(super) files: FileArguments,
    /// Select scenarios with this tag; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Select this variant; may be repeated (a comparison needs all variants that it names)
    #[arg(long = "variant", value_name = "NAME")]
    variants: Vec<String>,
    /// Include scenarios tagged `slow`, which are otherwise left out unless named
    #[arg(long)]
    slow: bool,
    /// Select runs that match, for example -E 'tag(ports) and not name(~full)'
    ///
    /// name(..) is the name of the scenario, file(..) its path or the end of it, tag(..) one of its tags,
    /// variant(..) the variant of the run, case(..) one of its matrix values, as in case(rate=500/s). all()
    /// matches every run, none() no run. Combine them with `and`, `or`, `not` (or `&`, `|`, `!`) and
    /// parentheses.
    ///
    /// In the parentheses, text with `*`, `?`, `[` or `{` is a glob, and any other text is an exact name.
    /// =text is always exact, ~text matches a part, /text/ is a regular expression. Scenarios tagged `slow`
    /// need --slow, or tag(slow) in the filter.
    #[arg(short = 'E', long = "filter", value_name = "FILTER")]
    filter: Option<Filter>,
    /// Select one share of the runs: --shard 2/5 is the second of five, for five machines
    ///
    /// The share of a run depends only on its name, so adding other scenarios does not move it. Runs that
    /// are compared with each other stay together, so shares differ in size, and one may be empty.
    /// Otherwise, every machine must select the same scenarios. `nslab report --merge` joins the records.
    /// In an indexed Kubernetes job, use
    /// --shard $((JOB_COMPLETION_INDEX + 1))/5
    #[arg(long, value_name = "N/OF")]
    shard: Option<Shard>,
    /// Select runs that did not pass and have not passed since
    ///
    /// The list is kept in failed.json, in nslab-out or the folder of --record. With no files given, the
    /// scenarios listed there are used.
    #[arg(long)]
    rerun_failed: bool,
}

/// The result of a selection.
pub(super) enum Choice {
    Runs(Selected),
    /// No runs are selected, and that is not an error.
    Nothing,
    /// The arguments are invalid; the error was printed.
    Invalid,
}

/// Loads the scenarios and selects runs. `records` is the folder of the list for `--rerun-failed`.
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
                message::note(format!("shard {shard} has no runs"));
            }
            Choice::Runs(selected)
        }
        Err(errors) => {
            message::failures(&errors);
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
        message::error("--rerun-failed needs the folder of records, but --no-record is given");
        return Err(Choice::Invalid);
    };
    match FailedRuns::read(folder) {
        Ok(failed) if failed.is_empty() => {
            let folder = folder.display();
            message::note(format!(
                "nothing to run again: {folder} lists no failed runs"
            ));
            Err(Choice::Nothing)
        }
        Ok(failed) => Ok(Some(failed)),
        Err(error) => {
            let folder = folder.display();
            message::error(format!("cannot read failed.json in {folder}: {error}"));
            Err(Choice::Invalid)
        }
    }
}
