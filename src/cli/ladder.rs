//! `nslab report --ladder`: the packets of one connection between its nodes.

use super::output::{self, Stream};
use crate::causes::chain;
use crate::ladder::{self, Which};
use crate::record::Capture;
use crate::report::ladder::text;
use crate::scenario::RunSpec;
use crate::suite::replay::StoredRun;

/// Columns where the terminal does not say how wide it is.
const COLUMNS: u16 = 80;

/// Draws one connection of each record that has such a client. Whether all could be, and any.
pub(super) fn print(records: &[StoredRun], which: &Which, stream: Stream) -> bool {
    let style = stream.style();
    let width = usize::from(style.width.unwrap_or(COLUMNS));
    let (having, lacking): (Vec<&StoredRun>, Vec<&StoredRun>) =
        records.iter().partition(|stored| has(stored, which));
    // Where none has it, the first says what there is instead.
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
                output::err(&format!(
                    "error: {}: cannot {error}\n",
                    stored.path.display()
                ));
                all = false;
            }
        }
    }
    if records.len() > 1 && !lacking.is_empty() {
        let (without, of, client) = (lacking.len(), records.len(), &which.client);
        output::err(&format!(
            "note: {without} of {of} records have no client or command `{client}`\n"
        ));
    }
    all
}

/// Whether a record has the client or command; where that cannot be told, drawing it says why.
fn has(stored: &StoredRun, which: &Which) -> bool {
    let resolved = stored.record.header.scenario.resolved.clone();
    serde_json::from_value::<RunSpec>(resolved).is_ok_and(|spec| {
        let clients = spec.workload.clients.iter().map(|client| &client.name);
        let commands = spec.workload.commands.iter().map(|command| &command.name);
        clients.chain(commands).any(|name| *name == which.client)
    })
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
