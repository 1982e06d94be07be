//! Reads the question about the packets of a connection: its client, and the parts that are not shown.

use super::LessonReader;
use crate::metrics::Subject;
use crate::names::ActorName;
use crate::scenario::decode::Framed;
use crate::scenario::document::PacketsDoc;
use crate::scenario::expectation::NameScope;
use crate::scenario::lesson::{PacketBlank, PacketPart, PacketQuestion};
use crate::scenario::problem::quoted;
use crate::scenario::suggest;

/// Help for a part that is not understood.
const PARTS: &str = "write `packet 4`, `sender of 4`, `client after 4` or `server after last`";

impl LessonReader<'_, '_, '_, '_> {
    pub(super) fn packets(
        &mut self,
        written: &PacketsDoc,
        scope: &NameScope,
    ) -> Option<PacketQuestion> {
        let NameScope::Run { subjects, .. } = scope else {
            self.cx
                .error(written.head(), "`packets` needs a run of one variant")
                .help("name one variant in the `run` after it");
            return None;
        };
        let of = &written.of.value.0;
        let (client, attempt) = match of.split_once(':') {
            None => (of.as_str(), Some(1)),
            Some((client, number)) => (client, number.parse().ok().filter(|number| *number > 0)),
        };
        let Some(attempt) = attempt else {
            let message = format!("{} is not a connection", quoted(of));
            self.cx
                .error(written.of.span, message)
                .help("write `CLIENT`, or `CLIENT:3` for its third connection");
            return None;
        };
        let actors = subjects.actors.iter();
        let callers: Vec<&str> = actors
            .filter(|(_, kind)| {
                matches!(
                    kind,
                    Subject::Client | Subject::Proxy | Subject::Command | Subject::ServingCommand
                )
            })
            .map(|(name, _)| name.as_str())
            .collect();
        if !callers.contains(&client) {
            let message = format!("{} is not a client or command of this run", quoted(client));
            let help = suggest::did_you_mean(client, callers);
            self.cx.error(written.of.span, message).maybe_help(help);
            return None;
        }
        let mut blanks = Vec::new();
        let mut complete = !written.hide.0.is_empty();
        if written.hide.0.is_empty() {
            self.cx.error(written.head(), "`hide` is empty").help(PARTS);
        }
        for (name, part) in &written.hide.0 {
            let Some(part) = part else {
                complete = false;
                continue;
            };
            match hidden_part(&part.value.0) {
                Some((packet, part)) => blanks.push(PacketBlank {
                    name: name.value.clone(),
                    packet,
                    part,
                }),
                None => {
                    let message = format!("{} is not a part of a ladder", quoted(&part.value.0));
                    self.cx.error(part.span, message).help(PARTS);
                    complete = false;
                }
            }
        }
        complete.then(|| PacketQuestion {
            client: ActorName::new(client),
            attempt,
            blanks,
        })
    }
}

/// Reads `packet 4`, `sender of 4`, `client after 4` or `server after last`.
fn hidden_part(text: &str) -> Option<(Option<usize>, PacketPart)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (part, number) = match words.as_slice() {
        ["packet", number] => (PacketPart::Kind, *number),
        ["sender", "of", number] => (PacketPart::Sender, *number),
        ["client", "after", number] => (PacketPart::Client, *number),
        ["server", "after", number] => (PacketPart::Server, *number),
        _ => return None,
    };
    if number == "last" {
        return Some((None, part));
    }
    let number = number.parse().ok().filter(|number| *number > 0)?;
    Some((Some(number), part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_ladder_are_read_and_others_refused() {
        assert_eq!(hidden_part("packet 4"), Some((Some(4), PacketPart::Kind)));
        assert_eq!(
            hidden_part("sender of last"),
            Some((None, PacketPart::Sender))
        );
        assert_eq!(
            hidden_part("server after 12"),
            Some((Some(12), PacketPart::Server))
        );
        for wrong in [
            "packet",
            "packet 0",
            "packet x",
            "client of 4",
            "server after",
        ] {
            assert_eq!(hidden_part(wrong), None, "{wrong}");
        }
    }
}
