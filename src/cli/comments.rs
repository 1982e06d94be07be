//! Adds comments to the captures of runs that were traced, for people who open them elsewhere.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::causes::chain;
use crate::ladder::{self, PacketRemarks};
use crate::record::{Capture, annotate};
use crate::suite::RunResult;

/// The most connections and packets with comments.
const MOST: (usize, usize) = (20_000, 300_000);

/// Adds a comment to each packet of a traced run's capture, if it has one. The file is replaced at once, so that it is
/// always complete.
///
/// # Errors
/// The reason why the capture stays as it was.
pub(super) fn add(result: &RunResult) -> Result<(), String> {
    let Ok(Some(path)) = &result.capture else {
        return Ok(());
    };
    if result.timeline.traced.is_empty() {
        return Ok(());
    }
    let capture = Capture::read(path).map_err(|error| chain(&error))?;
    let histories = ladder::histories(&capture, &result.spec, &result.timeline, MOST);
    let histories = histories.map_err(|error| chain(&error))?;
    let remarks = PacketRemarks::of(&histories, &capture);
    drop((capture, histories));
    replace(path, &remarks).map_err(|error| error.to_string())
}

fn replace(path: &Path, remarks: &PacketRemarks) -> io::Result<()> {
    let written = std::fs::read(path)?;
    let new = path.with_extension("pcapng.new");
    let replaced = || {
        let mut output = BufWriter::new(File::create(&new)?);
        annotate(&written, &mut output, |packet| {
            remarks.on(packet).map(str::to_owned)
        })?;
        output.flush()?;
        drop(output);
        std::fs::rename(&new, path)
    };
    replaced().inspect_err(|_| {
        let _was_not_created = std::fs::remove_file(&new);
    })
}
