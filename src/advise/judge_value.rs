//! The judgement on a line's value: refused, kept in part, not tried, or already so. Pure.

use super::facts::{KeyFacts, KeyScope};
use super::reference::same_value;
use crate::lab::sysctl_survey::WriteOutcome;
use crate::sysctls::{self, Fate, Form, Setting};

impl KeyFacts {
    /// Returns the reason why the kernel does not accept the line as written, if it does not.
    pub fn refusal(&self) -> Option<String> {
        if self.scope == KeyScope::Missing {
            return Some(self.missing());
        }
        if self.read_only {
            return Some("the key is read-only".to_owned());
        }
        let with_form = |why: &str| match self.form_error() {
            Some(error) => format!("{why}; the key {error}"),
            None => why.to_owned(),
        };
        match self.attempt.as_ref().map(|attempt| &attempt.outcome) {
            Some(WriteOutcome::Refused(why)) => Some(with_form(why)),
            Some(WriteOutcome::Other(_)) if self.part().is_some() => None,
            Some(WriteOutcome::Other(value)) => Some(with_form(&format!(
                "the kernel changes the value to `{value}`"
            ))),
            Some(WriteOutcome::Unlisted) if self.written.contains(char::is_whitespace) => Some(
                "no congestion control has such a name; all of the text after `=` is the value"
                    .to_owned(),
            ),
            Some(WriteOutcome::AsWritten | WriteOutcome::Restricted | WriteOutcome::Unlisted) => {
                None
            }
            None if self.part().is_some() => None,
            None => self.form_error().map(|error| format!("the key {error}")),
        }
    }

    fn missing(&self) -> String {
        let no_such = "this kernel has no such key";
        if let Some(renamed) = sysctls::renamed(&self.key) {
            return format!(
                "{no_such}; renamed to {}; the old name was removed in Linux {} ({})",
                renamed.to, renamed.since, renamed.source
            );
        }
        match self.setting.map(|setting| (setting, setting.fate)) {
            Some((setting, Fate::Gone(since))) => {
                format!(
                    "{no_such}; removed in Linux {since}: {} ({})",
                    setting.says, setting.source
                )
            }
            Some((setting, Fate::Foreign)) => {
                format!("{no_such}; {} ({})", setting.says, setting.source)
            }
            _ => match (&self.meant, module(&self.key)) {
                (Some(meant), _) => format!("{no_such}; did you mean {meant}?"),
                (None, Some(module)) => format!("{no_such}; the module {module} provides it"),
                (None, None) => no_such.to_owned(),
            },
        }
    }

    /// Explains a value that does not have the key's form.
    fn form_error(&self) -> Option<String> {
        let form = self.setting?.form;
        form.check(&self.written)
            .err()
            .map(|error| error.to_string())
    }

    /// Returns the part of the line's value that the kernel keeps, if it keeps only a part or adds to it.
    pub fn part(&self) -> Option<KeptPart> {
        let before_comment = self.before_comment();
        let has_comment = before_comment.len() < self.written.len();
        let Some(WriteOutcome::Other(now)) = self.attempt.as_ref().map(|attempt| &attempt.outcome)
        else {
            // A setting of the whole kernel: the kernel reads numbers up to the first character that is none.
            let numbers = matches!(
                self.setting?.form,
                Form::Numbers { .. } | Form::Range { .. }
            );
            let fits = self.setting?.form.check(before_comment).is_ok();
            let untried = self.attempt.is_none() && self.scope == KeyScope::Kernel;
            return (untried && numbers && fits && has_comment)
                .then(|| KeptPart::BeforeComment(before_comment.to_owned()));
        };
        let begins = |text: &str| {
            let count = text.split_whitespace().count();
            let first: Vec<&str> = now.split_whitespace().take(count).collect();
            count > 0 && same_value(text, &first.join(" "))
        };
        let words = |text: &str| text.split_whitespace().count();
        if has_comment && begins(before_comment) {
            return Some(KeptPart::BeforeComment(now.clone()));
        }
        let fewer = words(&self.written) < words(now) && begins(&self.written);
        fewer.then(|| KeptPart::FirstNumbers(now.clone()))
    }

    fn before_comment(&self) -> &str {
        self.written
            .split(['#', ';'])
            .next()
            .unwrap_or_default()
            .trim_end()
    }

    /// Returns the value that the key has after the line.
    pub fn effective(&self) -> &str {
        let attempt = self.attempt.as_ref();
        match attempt.map(|attempt| &attempt.outcome) {
            Some(WriteOutcome::Other(now)) => now,
            None if self.part().is_some() => self.before_comment(),
            _ => &self.written,
        }
    }

    /// Returns the reason why the value was not tried although the host may take it.
    pub fn not_tried(&self) -> Option<String> {
        let value = &self.written;
        match self.attempt.as_ref()?.outcome {
            WriteOutcome::Restricted => Some(format!(
                "tcp_allowed_congestion_control does not list `{value}`, so only the initial namespace may use it: \
                 the host takes it, but it was not tried"
            )),
            WriteOutcome::Unlisted => Some(format!(
                "tcp_available_congestion_control does not list `{value}`: on the host, the line loads the module \
                 tcp_{value} if there is one, and fails if not; it was not tried, because that would load the module"
            )),
            WriteOutcome::AsWritten | WriteOutcome::Other(_) | WriteOutcome::Refused(_) => None,
        }
    }

    /// Returns true if the key has the line's value without the line: in the state that the lines before it leave, if
    /// they were tried, else in the reference.
    pub fn is_already_so(&self) -> bool {
        let reference = || {
            let value = self.reference.as_ref();
            value.is_some_and(|value| same_value(value, self.effective()))
        };
        match &self.attempt {
            Some(attempt) if self.began_as_reference && self.not_tried().is_none() => {
                attempt.before.is_some() && attempt.before == attempt.after
            }
            _ => reference(),
        }
    }

    /// Returns true if the lines before it made it so, and not the reference.
    pub fn is_so_by_earlier_lines(&self) -> bool {
        let reference = self.reference.as_ref();
        self.is_already_so() && !reference.is_some_and(|value| same_value(value, self.effective()))
    }

    /// Returns the catalogue's entry if it makes a statement about the key.
    pub fn statement(&self) -> Option<&'static Setting> {
        self.setting.filter(|setting| !setting.says.is_empty())
    }
}

/// A value of which the kernel keeps a part; each with the value that it has then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptPart {
    /// The numbers before a `#` or `;`.
    BeforeComment(String),
    /// The first numbers are set, and the others stay as they are.
    FirstNumbers(String),
}

/// Returns the module that provides a setting, if known (Linux 6.18, `net/bridge/br_netfilter_hooks.c`,
/// `net/netfilter/nf_conntrack_standalone.c`, `net/netfilter/ipvs/ip_vs_ctl.c`).
fn module(key: &str) -> Option<&'static str> {
    let modules = [
        ("net.bridge.", "br_netfilter"),
        ("net.netfilter.nf_conntrack_", "nf_conntrack"),
        ("net.nf_conntrack_max", "nf_conntrack"),
        ("net.ipv4.vs.", "ip_vs"),
    ];
    modules
        .into_iter()
        .find(|(start, _)| key.starts_with(start))
        .map(|(_, module)| module)
}
