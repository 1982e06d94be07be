//! Connects a client's reply with the connection that the proxy opened for it.

use super::attempts::{LadderAttempt, attempts};
use super::sighting::Sighting;
use crate::metrics::client::ERRORS;
use crate::names::ActorName;
use crate::record::{Capture, Offset, Timeline};
use crate::scenario::RunSpec;
use crate::scenario::workload::ServerSpec;

/// The longest time by which the count of an error may follow the error itself.
const LATE: u64 = 150_000_000;

/// Explains an error that a client got from a built-in proxy: the proxy's own error, and its connection to draw.
pub(super) fn note(
    client: &ActorName,
    attempt: &LadderAttempt,
    (capture, sightings): (&Capture, &[Sighting<'_>]),
    spec: &RunSpec,
    timeline: &Timeline,
) -> Option<String> {
    let (status, answered) = attempt.status.filter(|(status, _)| *status >= 500)?;
    let proxy = proxy_of(client, spec)?;
    let forward = proxy.forward.as_ref()?;
    let name = &proxy.name;
    let behind =
        (forward.to.as_ref()).map_or_else(|| forward.target.to_string(), |to| format!("`{to}`"));
    let errors = errors_near(name, attempt.began, answered, capture, timeline);
    let own = attempts(sightings, &proxy.node, Some(forward.target));
    let number = own
        .iter()
        .rposition(|own| own.began >= attempt.began && own.began <= answered);
    let cause = match (number, errors.as_slice()) {
        (None, errors) if errors.iter().any(|error| error == "EADDRNOTAVAIL") => {
            format!(
                "it had no local port for a connection to {behind} (EADDRNOTAVAIL), so it sent nothing there"
            )
        }
        (Some(number), errors) => {
            let counted = match errors {
                [] => String::new(),
                errors => format!(" failed with {}, and", errors.join(" or ")),
            };
            format!(
                "its connection to {behind} for this request{counted} is drawn by `--ladder {name}:{}` (inferred \
                 from the time)",
                number + 1
            )
        }
        (None, []) => format!("no connection of it to {behind} was seen at that time"),
        (None, errors) => format!(
            "it opened no connection to {behind} at that time, and counted {}",
            errors.join(", ")
        ),
    };
    Some(format!("proxy `{name}` answered {status}: {cause}"))
}

/// Returns the proxy that a client connects to.
fn proxy_of<'a>(client: &ActorName, spec: &'a RunSpec) -> Option<&'a ServerSpec> {
    let mut clients = spec.workload.clients.iter();
    let to = clients.find(|spec| spec.name == *client)?.to.as_ref()?;
    let mut servers = spec.workload.servers.iter();
    servers.find(|server| server.name == *to && server.forward.is_some())
}

/// Returns the errors that a proxy counted between two moments.
fn errors_near(
    proxy: &ActorName,
    from: u64,
    to: u64,
    capture: &Capture,
    timeline: &Timeline,
) -> Vec<String> {
    let Some(zero) = capture.clock_zero else {
        return Vec::new();
    };
    let moment = |time: u64| Offset(time.saturating_sub(zero));
    let prefix = format!("{proxy}.");
    let counted = timeline.all_series().filter_map(|series| {
        let metric = series.declaration.name.as_str().strip_prefix(&prefix)?;
        let error = ERRORS.value_in(metric)?;
        let (before, after) = (series.at(moment(from)), series.at(moment(to + LATE)));
        (after.unwrap_or_default() > before.unwrap_or_default()).then(|| error.to_owned())
    });
    counted.collect()
}
