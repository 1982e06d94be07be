//! `nslab report --ladder`: the packets of one connection between its nodes.

use super::output::{self, Stream};
use crate::causes::chain;
use crate::record::Capture;
use crate::report::ladder::{self, Which};
use crate::suite::replay::StoredRun;

/// Columns where the terminal does not say how wide it is.
const COLUMNS: u16 = 80;

/// Draws one connection of each record. Whether all could be.
pub(super) fn print(records: &[StoredRun], which: &Which, stream: Stream) -> bool {
    let style = stream.style();
    let width = usize::from(style.width.unwrap_or(COLUMNS));
    let mut all = true;
    for stored in records {
        match draw(stored, which) {
            Ok(ladder) => stream.print(&ladder::text(&ladder, width, style.colour)),
            Err(error) => {
                output::err(&format!(
                    "error: {}: cannot {error}\n",
                    stored.path.display()
                ));
                all = false;
            }
        }
    }
    all
}

fn draw(stored: &StoredRun, which: &Which) -> Result<ladder::Ladder, String> {
    let resolved = stored.record.header.scenario.resolved.clone();
    let spec =
        serde_json::from_value(resolved).map_err(|error| format!("understand its run: {error}"))?;
    let Some(packets) = &stored.packets else {
        return Err(
            "find its packets: there is no capture of the same name beside it (run with `--record DIR --capture DIR`, \
             or name the capture by --packets FILE|DIR)"
                .to_owned(),
        );
    };
    let packets = Capture::read(packets).map_err(|error| chain(&error))?;
    ladder::draw(&packets, &spec, &stored.record.timeline, which).map_err(|error| chain(&error))
}
