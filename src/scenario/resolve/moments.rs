//! Resolves bookmarks, in the order of their times.

use crate::scenario::document::Document;
use crate::scenario::moment::Moment;
use crate::scenario::problem::{Collector, quoted};
use crate::scenario::suggest;
use crate::scenario::workload::ClientSpec;

/// Returns an error and a remedy if a client does not make an attempt with this number.
pub(crate) fn beyond(client: &str, attempt: &str, attempts: u64) -> Option<(String, String)> {
    let is_made = attempt
        .parse::<u64>()
        .is_ok_and(|attempt| attempt <= attempts);
    let are = if attempts == 1 { "attempt" } else { "attempts" };
    (!is_made).then(|| {
        (
            format!(
                "{} makes {attempts} {are}, so it has no connection {attempt}",
                quoted(client)
            ),
            format!("its last connection is `{client}:{attempts}`"),
        )
    })
}

/// Resolves every bookmark that could be read. A connection must be the attempt of a client or command.
pub(super) fn moments(
    document: &Document,
    resolved: &[ClientSpec],
    cx: &mut Collector<'_>,
) -> Vec<Moment> {
    let clients = document.clients.iter().flat_map(|clients| &clients.0);
    let commands = document.commands.iter().flat_map(|commands| &commands.0);
    let callers = clients.map(|(name, _)| name.value.as_str());
    let callers: Vec<&str> = callers
        .chain(commands.map(|(name, _)| name.value.as_str()))
        .collect();
    let mut moments = Vec::new();
    for written in document.moments.iter().flat_map(|list| &list.0).flatten() {
        if let Some(connection) = &written.connection {
            let text = connection.value.0.as_str();
            let (caller, attempt) = text.split_once(':').unwrap_or((text, ""));
            let is_number = attempt.parse().is_ok_and(|number: usize| number > 0);
            if !is_number {
                cx.error(
                    connection.span,
                    format!("{} does not name a connection", quoted(text)),
                )
                .help("write the client and the number of its attempt, from 1: `load:201`");
            } else if !callers.contains(&caller) {
                cx.error(
                    connection.span,
                    format!("no client or command named {}", quoted(caller)),
                )
                .maybe_help(suggest::did_you_mean(caller, callers.iter().copied()));
            } else if let Some(client) = resolved
                .iter()
                .find(|client| client.name.as_str() == caller)
                && let Some(beyond) = beyond(caller, attempt, client.load.starts().count())
            {
                // A smaller load than that of the file does not reach the connection of this bookmark.
                if cx.is_resized {
                    continue;
                }
                let (message, help) = beyond;
                cx.error(connection.span, message).help(help);
            }
        }
        moments.push(Moment {
            at: written.at.0,
            note: written.note.0.clone(),
            connection: written
                .connection
                .as_ref()
                .map(|connection| connection.value.0.clone()),
        });
    }
    moments.sort_by_key(|moment| moment.at);
    moments
}
