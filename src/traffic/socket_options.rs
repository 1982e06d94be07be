//! Sets the socket options of a scenario, and reports what the kernel made of them.

use std::io;
use std::net::IpAddr;

use socket2::Socket;

use super::actor_metrics::ActorMetrics;
use crate::names::ActorName;
use crate::record::{Event, Recorder};
use crate::scenario::workload::{OptionValue, SocketOption};
use crate::sys::named_option::{self, NamedValue};

/// The option that the kernel resets by itself (tcp(7)), so it is set again on each established connection.
const QUICKACK: &str = "TCP_QUICKACK";

/// An option that the kernel does not take.
#[derive(Debug, thiserror::Error)]
#[error("set {name} to {value}")]
pub(crate) struct OptionError {
    name: String,
    value: String,
    #[source]
    source: io::Error,
}

impl OptionError {
    /// Returns true if this kernel lacks the option, or the congestion control that it names.
    pub(crate) fn is_unsupported(&self) -> bool {
        let unsupported = [libc::ENOPROTOOPT, libc::ENOENT].map(Some);
        unsupported.contains(&self.source.raw_os_error())
    }

    /// Returns the error of setsockopt(2).
    pub(super) fn into_source(self) -> io::Error {
        self.source
    }
}

/// Sets every option on a new socket.
pub(super) fn apply(
    options: &[SocketOption],
    socket: &Socket,
    family_of: IpAddr,
) -> Result<(), OptionError> {
    for option in options {
        let set = named_option::set(socket, &option.name, value(option), family_of.is_ipv6());
        set.map_err(|source| OptionError {
            name: option.name.clone(),
            value: text(option),
            source,
        })?;
    }
    Ok(())
}

/// Sets the options again that do not last beyond the handshake.
pub(super) fn apply_established(options: &[SocketOption], socket: &Socket) {
    for option in options.iter().filter(|option| option.name == QUICKACK) {
        // It was accepted before, and a connection that has ended does not need it.
        let _ended = named_option::set(socket, &option.name, value(option), false);
    }
}

/// Tries the options on a socket that is not used, so that one that the kernel does not take is an error here and not
/// in every attempt. Notes the values that the kernel changed.
pub(super) fn check(
    options: &[SocketOption],
    socket: &Socket,
    family_of: IpAddr,
    metrics: &ActorMetrics,
) -> io::Result<()> {
    apply(options, socket, family_of).map_err(io::Error::other)?;
    note_changes(
        options,
        socket,
        family_of,
        metrics.actor(),
        metrics.recorder(),
    );
    Ok(())
}

/// Reads every option back, and notes the values that the kernel changed.
pub(super) fn note_changes(
    options: &[SocketOption],
    socket: &Socket,
    family_of: IpAddr,
    actor: &ActorName,
    recorder: &Recorder,
) {
    for option in options.iter().filter(|option| option.name != QUICKACK) {
        let (asked, name) = (text(option), &option.name);
        let is_text = matches!(option.value, OptionValue::Text(_));
        let now = match named_option::get(socket, name, is_text, family_of.is_ipv6()) {
            Ok(now) if now == asked => continue,
            Ok(now) => format!("the kernel made {now} of it{}", reason(name)),
            Err(error) => format!("it cannot be read back: {error}"),
        };
        recorder.record(Event::Note {
            t: None,
            text: format!("`{actor}` set {name} to {asked}; {now}"),
        });
    }
}

/// Returns the reason why the kernel changes some values, as a clause.
fn reason(name: &str) -> &'static str {
    match name {
        "SO_RCVBUF" | "SO_SNDBUF" => {
            ": it doubles the value for its bookkeeping, within net.core.rmem_max and wmem_max (socket(7))"
        }
        "TCP_DEFER_ACCEPT" => ": it counts retransmissions of the SYN+ACK, not seconds (tcp(7))",
        "TCP_MAXSEG" => ": before a connection is established, it reports a default",
        _ => "",
    }
}

fn value(option: &SocketOption) -> NamedValue<'_> {
    match &option.value {
        OptionValue::Number(number) => NamedValue::Number(*number),
        OptionValue::Text(text) => NamedValue::Text(text),
    }
}

fn text(option: &SocketOption) -> String {
    match &option.value {
        OptionValue::Number(number) => number.to_string(),
        OptionValue::Text(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::scenario::{option_names, workload::OptionValue};
    use crate::sys::sockopt;
    use crate::traffic::tests::TestRecorder;

    fn option(name: &str, number: i32) -> SocketOption {
        SocketOption {
            name: name.to_owned(),
            value: OptionValue::Number(number),
        }
    }

    #[test]
    fn every_option_of_the_format_has_a_number() {
        let here = IpAddr::from(Ipv4Addr::LOCALHOST);
        let socket = sockopt::tcp_socket(here).unwrap();
        for name in option_names() {
            let read = named_option::get(&socket, name, name == "TCP_CONGESTION", false);
            assert!(read.is_ok(), "{name}: {read:?}");
        }
    }

    #[test]
    fn a_changed_value_is_noted_and_others_are_not() {
        let here = IpAddr::from(Ipv4Addr::LOCALHOST);
        let socket = sockopt::tcp_socket(here).unwrap();
        let options = [option("SO_RCVBUF", 8192), option("TCP_USER_TIMEOUT", 5000)];
        apply(&options, &socket, here).unwrap();
        let listener = TestRecorder::start();
        let recorder = listener.recorder();
        note_changes(&options, &socket, here, &ActorName::new("web"), &recorder);
        drop(recorder);
        let notes = listener.timeline().notes;
        let notes: Vec<String> = notes.iter().map(|note| format!("{note:?}")).collect();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].contains("`web` set SO_RCVBUF to 8192; the kernel made 16384 of it"));
    }

    #[test]
    fn an_unknown_congestion_control_is_not_applicable() {
        let here = IpAddr::from(Ipv4Addr::LOCALHOST);
        let socket = sockopt::tcp_socket(here).unwrap();
        let option = SocketOption {
            name: "TCP_CONGESTION".to_owned(),
            value: OptionValue::Text("nosuch".to_owned()),
        };
        let error = apply(&[option], &socket, here).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
    }
}
