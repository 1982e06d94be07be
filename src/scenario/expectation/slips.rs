//! Names that are written in the form of another tool: `users-failed`, `clients.users.failed`, `TcpExt.ListenDrops`.

use super::counters::{self, CounterName};
use super::subjects::Subjects;
use super::synonyms;
use crate::metrics::{self, Subject};
use crate::scenario::suggest;

/// Suggests the whole names of a quantity that is written without its subject.
pub(super) fn without_subject(name: &str, subjects: &Subjects) -> String {
    /// More examples do not help.
    const FEW: usize = 3;
    let known = subjects.actors.keys().chain(&subjects.nodes);
    let mut names = synonyms::whole_names(name, subjects);
    names.truncate(FEW);
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match (
        quoted.is_empty(),
        suggest::nearest(name, known.map(String::as_str)),
    ) {
        (false, _) => format!("name its subject: {}", quoted.join(" or ")),
        (true, Some(subject)) => format!("a quantity is `SUBJECT.NAME`; did you mean `{subject}`?"),
        (true, None) => "a quantity is `SUBJECT.NAME`, as in `web.accepted`".to_owned(),
    }
}

/// Suggests what a name without a dot means.
pub(super) fn undotted(name: &str, subjects: &Subjects) -> Option<String> {
    if matches!(name, "s" | "sec" | "second" | "seconds") {
        return Some("a rate is written `rate(web.accepted) == 20/s`".to_owned());
    }
    if matches!(name, "log" | "dmesg" | "syslog" | "printk" | "kmsg") {
        return Some("did you mean `kernel.log`?".to_owned());
    }
    let mut dashes = name.match_indices(['-', '_']);
    dashes.find_map(|(at, _)| {
        let (subject, metric) = (&name[..at], &name[at + 1..]);
        is_subject(subject, subjects).then(|| format!("did you mean `{subject}.{metric}`?"))
    })
}

/// Suggests the name without the section of the file before it: `clients.users.failed`.
pub(super) fn nested(rest: &str, subjects: &Subjects) -> Option<String> {
    let (subject, _) = rest.split_once('.')?;
    is_subject(subject, subjects).then(|| format!("did you mean `{rest}`?"))
}

/// Returns the name that is meant by a form that other tools have.
pub(super) fn of_subject(subject: &str, kinds: &[Subject], name: &str) -> Option<String> {
    const RATES: [&str; 8] = [
        "rate",
        "rps",
        "qps",
        "cps",
        "persecond",
        "speed",
        "tps",
        "frequency",
    ];
    if RATES.contains(&name.to_ascii_lowercase().as_str()) {
        let counted = ["established", "accepted", "answered", "received"];
        let has = |name: &&&str| {
            kinds
                .iter()
                .any(|kind| metrics::find(*kind, name).is_some())
        };
        let counted = counted.iter().find(has)?;
        return Some(format!("rate({subject}.{counted})"));
    }
    let has_status = |kind: &Subject| metrics::find(*kind, "status.200").is_some();
    if matches!(name, "status" | "code" | "http") && kinds.iter().any(has_status) {
        return Some("status.200".to_owned());
    }
    if !kinds.contains(&Subject::Node) {
        return None;
    }
    if matches!(name, "tcp" | "sockets" | "states" | "state" | "ss") {
        return Some("tcp.ESTABLISHED".to_owned());
    }
    // `netstat.TcpExtListenDrops`, `TcpExt.ListenDrops`, `Tcp.RetransSegs`.
    let last = name.rsplit('.').next().unwrap_or(name).to_owned();
    let joined: String = name.split('.').collect();
    [joined, last]
        .into_iter()
        .find(|counter| name.contains('.') && counters::look_up(counter) == CounterName::Known)
}

fn is_subject(name: &str, subjects: &Subjects) -> bool {
    subjects.actors.contains_key(name) || subjects.nodes.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_tools_lead_to_the_name() {
        let node = [Subject::Node];
        for (kinds, name, meant) in [
            (
                &node,
                "netstat.TcpExtListenDrops",
                Some("TcpExtListenDrops"),
            ),
            (&node, "TcpExt.ListenDrops", Some("TcpExtListenDrops")),
            (&node, "tcp", Some("tcp.ESTABLISHED")),
            (&node, "sensors.fan", None),
            (&[Subject::Client], "rps", Some("rate(it.established)")),
            (&[Subject::Server], "rate", Some("rate(it.accepted)")),
            (&[Subject::Client], "status", Some("status.200")),
        ] {
            assert_eq!(of_subject("it", kinds, name).as_deref(), meant, "{name}");
        }
    }

    #[test]
    fn a_subject_in_another_form_is_found() {
        let subjects = Subjects {
            actors: [("users".to_owned(), Subject::Client)].into(),
            ..Subjects::default()
        };
        let help = "did you mean `users.failed`?";
        assert_eq!(undotted("users-failed", &subjects).as_deref(), Some(help));
        assert_eq!(nested("users.failed", &subjects).as_deref(), Some(help));
        assert_eq!(undotted("others-failed", &subjects), None);
    }
}
