//! Names of a client's connections in expectations: `load:1` is the connection of the first attempt.

use super::metric::{ResolvedMetric, UnknownMetric};
use super::slips::without_subject;
use super::subjects::Subjects;
use super::syntax::{At, Expr as Written, ExprKind};
use super::typing::NameScope;
use crate::metrics::{self, Subject};
use crate::names::SeriesName;
use crate::scenario::problem::quoted;
use crate::scenario::resolve::moments::beyond;
use crate::scenario::suggest;
use crate::tcp::TcpState;

/// Finds the metric of a client's connection: `load:1.state`.
pub(super) fn metric(
    path: &At<String>,
    (client, number, name): (&str, &str, &str),
    subjects: &Subjects,
) -> Result<ResolvedMetric, UnknownMetric> {
    let start = path.range.start;
    let after_client = start + client.len() + 1;
    let unknown = |range, message, help| UnknownMetric {
        range,
        message,
        help,
    };
    match subjects.actors.get(client) {
        Some(Subject::Client) => {}
        Some(actor) => {
            let message = format!(
                "{} is a {actor}: only connections of clients have numbers",
                quoted(client)
            );
            return Err(unknown(start..start + client.len(), message, None));
        }
        None => {
            let clients = subjects
                .actors
                .iter()
                .filter(|(_, actor)| **actor == Subject::Client);
            let help = suggest::did_you_mean(client, clients.map(|(name, _)| name.as_str()));
            let message = format!("no client is called {}", quoted(client));
            return Err(unknown(start..start + client.len(), message, help));
        }
    }
    let attempts = subjects.attempts.get(client);
    let beyond = attempts.and_then(|attempts| beyond(client, number, *attempts));
    let is_number = number.parse::<u64>().is_ok();
    if let Some((message, help)) = beyond.filter(|_| is_number) {
        let range = after_client..after_client + number.len();
        return Err(unknown(range, message, Some(help)));
    }
    if number.parse::<u64>().is_ok_and(|number| number > 0) && !number.starts_with('0') {
        if let Some(metric) = metrics::find(Subject::Connection, name) {
            return Ok(ResolvedMetric {
                series: SeriesName::new(path.value.as_str()),
                unit: metric.unit,
                kind: metric.kind,
            });
        }
        let range = after_client + number.len() + 1..path.range.end;
        let message = format!("a connection has no {}", quoted(name));
        let help = format!("write `{client}:{number}.state == ESTABLISHED`");
        return Err(unknown(range, message, Some(help)));
    }
    Err(unknown(
        after_client..after_client + number.len(),
        format!("{} is not the number of a connection", quoted(number)),
        Some(format!("the first one is `{client}:1`")),
    ))
}

/// Suggests the TCP state that a word without a subject means.
pub(super) fn meant_state(word: &str) -> Option<String> {
    let is_capital = |letter: char| letter.is_ascii_uppercase();
    let states = TcpState::LISTED.map(TcpState::as_str);
    let state = suggest::nearest(word, states).filter(|_| word.contains(is_capital))?;
    Some(format!("did you mean the TCP state `{state}`?"))
}

/// Suggests subjects for a state that is compared with a number of sockets: `TIME_WAIT > 5`.
pub(super) fn missing_subject(sides: [&Written; 2], scope: &NameScope) -> Option<String> {
    let NameScope::Run { subjects, .. } = scope else {
        return None;
    };
    let state = sides.into_iter().find_map(|side| match &side.value {
        ExprKind::Path(name) if !name.contains('.') => Some(name),
        _ => None,
    });
    state.map(|name| without_subject(name, subjects))
}

#[cfg(test)]
mod tests {
    use crate::scenario::expectation::typing::{Fault, expectation};
    use crate::scenario::expr::{Claim, Expr, Window};
    use crate::units::Unit;

    use super::*;

    fn read(line: &str) -> Result<(Claim, Window), Vec<Fault>> {
        let actors = [
            ("load", Subject::Client),
            ("q", Subject::QueryClient),
            ("web", Subject::Server),
        ];
        let subjects = Box::new(Subjects {
            nodes: ["client".to_owned()].into(),
            actors: actors.map(|(name, kind)| (name.to_owned(), kind)).into(),
            attempts: [("load".to_owned(), 500)].into(),
            ..Subjects::default()
        });
        let variants = Vec::new();
        expectation(line, &NameScope::Run { subjects, variants })
    }

    #[test]
    fn a_state_is_compared_with_the_kernels_name() {
        let (claim, _) = read("load:12.state == TIME_WAIT at 2s").unwrap();
        let Claim::Compare { left, right, .. } = claim else {
            panic!("{claim:?}");
        };
        assert_eq!(left.metrics()[0].series.as_str(), "load:12.state");
        assert_eq!(left.unit(), Unit::TcpState);
        let (value, unit) = (6.0, Unit::TcpState);
        assert_eq!(right, Expr::Number { value, unit });
        for line in [
            "load:1.state != ESTABLISHED always",
            "TIME_WAIT == load:1.state within 5s",
            "last(load:1.state) == CLOSE",
            "load:1.state == load:2.state",
        ] {
            assert!(read(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn mistakes_are_reported_with_a_remedy() {
        for (line, message, help) in [
            (
                "load:1.state == TIMEWAIT",
                "`TIMEWAIT` is not a quantity",
                "`TIME_WAIT`",
            ),
            ("load:0.state == CLOSE", "`0` is not the number", "`load:1`"),
            (
                "load:501.state == CLOSE",
                "`load` makes 500 attempts",
                "`load:500`",
            ),
            (
                "laod:1.state == CLOSE",
                "no client is called `laod`",
                "`load`",
            ),
            ("q:1.state == CLOSE", "`q` is a query client", ""),
            (
                "load:1.status == CLOSE",
                "a connection has no `status`",
                "load:1.state ==",
            ),
            ("load:1.state >= CLOSE", "TCP states have no order", "`==`"),
            (
                "load:1.state == 6",
                "a TCP state is compared with a count",
                "",
            ),
            (
                "TIME_WAIT > 5",
                "a TCP state is compared with a count",
                "name its subject: `client.tcp.TIME_WAIT`",
            ),
            (
                "load:1.state == 0",
                "a TCP state is compared with a count",
                "",
            ),
            (
                "client.tcp.CLOSE == CLOSE",
                "a count is compared with a TCP state",
                "",
            ),
            (
                "load:1.state + 1 == CLOSE",
                "a TCP state cannot be calculated",
                "load:1.state ==",
            ),
            ("CLOSE == -load:1.state", "a TCP state has no sign", ""),
            (
                "load:1.state in CLOSE..LISTEN",
                "a TCP state cannot be in a range",
                "",
            ),
            ("max(load:1.state) == CLOSE", "a TCP state has no `max`", ""),
            (
                "load:1.state == CLOSE ± 2%",
                "a TCP state has no tolerance",
                "",
            ),
        ] {
            let faults = read(line).unwrap_err();
            assert!(faults[0].message.starts_with(message), "{line}: {faults:?}");
            let given = faults[0].help.as_deref().unwrap_or_default();
            assert!(given.contains(help), "{line}: {faults:?}");
        }
    }
}
