//! Adds comments to the captures of runs that were traced, for people who open them elsewhere.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::PacketRemarks;
use crate::causes::chain;
use crate::record::{Capture, Timeline, annotate};
use crate::scenario::RunSpec;

/// The most connections and packets with comments.
const MOST: (usize, usize) = (20_000, 300_000);

/// Adds a comment to each packet of a traced run's capture. The file is replaced at once, so that it is always
/// complete.
///
/// # Errors
/// The reason why the capture stays as it was.
pub fn comment_capture(path: &Path, spec: &RunSpec, timeline: &Timeline) -> Result<(), String> {
    // The texts of the errors complete "cannot".
    let cannot = |error: &(dyn Error + 'static)| format!("cannot {}", chain(error));
    let capture = Capture::read(path).map_err(|error| cannot(&error))?;
    let histories = super::histories(&capture, spec, timeline, MOST);
    let histories = histories.map_err(|error| cannot(&error))?;
    let remarks = PacketRemarks::of(&histories, &capture);
    drop((capture, histories));
    replace(path, &remarks).map_err(|error| format!("cannot write them: {error}"))
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
