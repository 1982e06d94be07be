//! `nslab report --ladder`: the packets of one connection between its nodes.

use super::message;
use super::output::Stream;
use crate::causes::chain;
use crate::ladder::{self, ConnectionChoice};
use crate::record::Capture;
use crate::report::ladder::text;
use crate::scenario::RunSpec;
use crate::suite::replay::StoredRun;

/// Width if the terminal does not report one.
const COLUMNS: u16 = 80;

/// Draws one connection of each record that has the client. Returns true if all were drawn.
pub(super) fn print(records: &[StoredRun], which: &ConnectionChoice, stream: Stream) -> bool {
    let style = stream.style();
    let width = usize::from(style.width.unwrap_or(COLUMNS));
    let (having, lacking): (Vec<&StoredRun>, Vec<&StoredRun>) =
        records.iter().partition(|stored| has(stored, which));
    // If no record has the client, the error about the first one lists those that exist.
    let tried = if having.is_empty() {
        lacking.iter().take(1)
    } else {
        having.iter().take(having.len())
    };
    let mut all = true;
    for stored in tried {
        match draw(stored, which) {
            Ok(ladder) => stream.print(&text(&ladder, width, style.colour)),
            Err(error) => {
                message::error(format!("{}: cannot {error}", stored.path.display()));
                all = false;
            }
        }
    }
    if records.len() > 1 && !lacking.is_empty() {
        let (without, of, client) = (lacking.len(), records.len(), &which.client);
        message::note(format!(
            "{without} of {of} records have no client, proxy or command `{client}`"
        ));
    }
    all
}

/// Returns true if a record has the client, proxy or command, or if it cannot be read; drawing it then gives the
/// reason.
fn has(stored: &StoredRun, which: &ConnectionChoice) -> bool {
    let resolved = stored.record.header.scenario.resolved.clone();
    serde_json::from_value::<RunSpec>(resolved)
        .is_ok_and(|spec| ladder::has_caller(&spec, &which.client))
}

fn draw(stored: &StoredRun, which: &ConnectionChoice) -> Result<ladder::Ladder, String> {
    let resolved = stored.record.header.scenario.resolved.clone();
    let spec = serde_json::from_value(resolved)
        .map_err(|error| format!("read the scenario of its run: {error}"))?;
    let Some(packets) = &stored.packets else {
        return Err(
            "find its packets: its folder has no capture with the same name \
             (run with `--record DIR --capture DIR`, or use --packets FILE|DIR)"
                .to_owned(),
        );
    };
    let packets = Capture::read(packets).map_err(|error| chain(&error))?;
    ladder::draw(&packets, &spec, &stored.record.timeline, which).map_err(|error| chain(&error))
}
