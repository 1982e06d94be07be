//! `nslab report --ladder`: the packets of one connection between its nodes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{exit, output};
use crate::record::Capture;
use crate::report::ladder::{self, Which};
use crate::suite::replay::StoredRun;

/// Columns where the terminal does not say how wide it is.
const COLUMNS: u16 = 80;

/// Draws one connection of each record; its packets are in the capture beside it, unless another one is named.
pub(super) fn main(records: &[StoredRun], which: &Which, capture: Option<&Path>) -> ExitCode {
    let style = output::style_for(&std::io::stdout());
    let width = usize::from(style.width.unwrap_or(COLUMNS));
    let mut code = ExitCode::SUCCESS;
    for stored in records {
        let beside = capture.map_or_else(|| beside(&stored.path), Path::to_owned);
        match draw(stored, which, &beside) {
            Ok(ladder) => output::out(&ladder::text(&ladder, width, style.colour)),
            Err(error) => {
                output::err(&format!("error: {}: {error}\n", stored.path.display()));
                code = exit::errored();
            }
        }
    }
    code
}

fn draw(stored: &StoredRun, which: &Which, capture: &Path) -> Result<ladder::Ladder, String> {
    let resolved = stored.record.header.scenario.resolved.clone();
    let spec = serde_json::from_value(resolved)
        .map_err(|error| format!("its run is not understood by this build: {error}"))?;
    let packets = Capture::read(capture).map_err(|error| {
        let why = output::chain(&error);
        format!(
            "{why} (run with `--record DIR --capture DIR`, or name the capture by --packets FILE)"
        )
    })?;
    ladder::draw(&packets, &spec, &stored.record.timeline, which)
        .map_err(|error| output::chain(&error))
}

/// `out/a.nslab.jsonl.gz` has its packets in `out/a.pcapng`.
fn beside(record: &Path) -> PathBuf {
    let name = record
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let stem = name
        .trim_end_matches(".gz")
        .trim_end_matches(".nslab.jsonl");
    record.with_file_name(format!("{stem}.pcapng"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_looked_for_beside_their_record() {
        let expected = PathBuf::from("out/a.pcapng");
        assert_eq!(beside(Path::new("out/a.nslab.jsonl")), expected);
        assert_eq!(beside(Path::new("out/a.nslab.jsonl.gz")), expected);
    }
}
