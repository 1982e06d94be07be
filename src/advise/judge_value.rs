//! The judgement on a line's value: refused, kept in part, not tried, or already so. Pure.

use super::facts::{KeyFacts, KeyScope};
use super::merge::{LineMeaning, MergedLine};
use super::reference::{is_octal, number, same_value};
use crate::lab::sysctl_survey::WriteOutcome;
use crate::sysctls::{self, Fate, Form, Setting};

/// The queueing disciplines of kernel.org that an interface may begin with (Linux 2.6 to 6.18 `net/sched`).
const QDISCS: [&str; 38] = [
    "atm",
    "bfifo",
    "cake",
    "cbq",
    "cbs",
    "choke",
    "codel",
    "drr",
    "dsmark",
    "dualpi2",
    "etf",
    "ets",
    "fq",
    "fq_codel",
    "fq_pie",
    "gred",
    "hfsc",
    "hhf",
    "htb",
    "mq",
    "mqprio",
    "multiq",
    "netem",
    "noqueue",
    "pfifo",
    "pfifo_fast",
    "pfifo_head_drop",
    "pie",
    "plug",
    "prio",
    "qfq",
    "red",
    "sfb",
    "sfq",
    "skbprio",
    "taprio",
    "tbf",
    "teql0",
];

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
            // Their names have small letters.
            Some(WriteOutcome::Unlisted)
                if self
                    .written
                    .contains(|each: char| each.is_whitespace() || each.is_uppercase()) =>
            {
                Some(with_form("no congestion control has such a name"))
            }
            Some(WriteOutcome::AsWritten | WriteOutcome::Restricted | WriteOutcome::Unlisted) => {
                None
            }
            None if self.part().is_some() => None,
            None => {
                let form = self.form_error().map(|error| format!("the key {error}"));
                form.or_else(|| self.untried_error())
            }
        }
    }

    /// Explains a value of the whole kernel that the kernel would refuse, although it was not tried: no number where
    /// the kernel has one, a number that does not fit, an unknown queueing discipline.
    fn untried_error(&self) -> Option<String> {
        if self.scope != KeyScope::Kernel {
            return None;
        }
        if self.key == "net.core.default_qdisc" && !QDISCS.contains(&self.written.as_str()) {
            return Some(format!(
                "no release of kernel.org has a queueing discipline `{}`",
                self.written
            ));
        }
        let now = self.here.as_ref().or(self.reference.as_ref())?;
        let numbers = now.split_whitespace().map(number);
        let count = numbers.clone().count();
        if count == 0 || numbers.clone().any(|each| each.is_none()) || takes_text(&self.key) {
            return None;
        }
        let written = self.before_comment().split_whitespace().take(count);
        for word in written {
            match number(word) {
                None => {
                    return Some(format!(
                        "the kernel has a number here, now `{now}`, and refuses `{word}`"
                    ));
                }
                Some(value) if self.is_int() && i32::try_from(value).is_err() => {
                    return Some(format!(
                        "{word} is beyond the largest number that the key takes, {}",
                        i32::MAX
                    ));
                }
                Some(_) => {}
            }
        }
        None
    }

    /// Returns true if the kernel keeps the setting in an `int`. Those in pages and bytes of memory are `long` (Linux
    /// 6.18 `net/core/sysctl_net_core.c`, `net/ipv4/sysctl_net_ipv4.c`).
    fn is_int(&self) -> bool {
        const LONG: [&str; 3] = [
            "net.core.bpf_jit_limit",
            "net.ipv4.tcp_mem",
            "net.ipv4.udp_mem",
        ];
        let of_net = ["net.core.", "net.ipv4."];
        of_net.iter().any(|start| self.key.starts_with(start)) && !LONG.contains(&self.key.as_str())
    }

    /// Returns the first number of the line that the kernel reads as octal, and its value.
    pub fn octal(&self) -> Option<(&str, i128)> {
        let numbers = matches!(
            self.setting?.form,
            Form::Numbers { .. } | Form::Range { .. }
        );
        let mut words = self.before_comment().split_whitespace();
        let word = words.find(|word| numbers && is_octal(word))?;
        Some((word, number(word)?))
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
            _ => match (&self.meant, self.module) {
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
        before_comment(&self.written)
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

    /// Replaces the result for a congestion control that is not listed and that no module provides.
    pub(super) fn without_module(&mut self, has_module: impl Fn(&str) -> Option<bool>) {
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        let module = format!("tcp_{}", self.written);
        if attempt.outcome == WriteOutcome::Unlisted && has_module(&module) == Some(false) {
            let why = format!("this kernel has no such congestion control, and no module {module}");
            attempt.outcome = WriteOutcome::Refused(why);
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

impl MergedLine {
    /// Explains a value that another line replaces and that does not have the form of its key: sysctl(8) writes it all
    /// the same, and fails.
    pub fn malformed(&self) -> Option<String> {
        let LineMeaning::Overridden { name, value, .. } = &self.meaning else {
            return None;
        };
        let form = sysctls::find(name.as_str())?.form;
        let numbers = matches!(form, Form::Numbers { .. } | Form::Range { .. });
        let kept = if numbers {
            before_comment(value)
        } else {
            value
        };
        form.check(kept)
            .err()
            .map(|error| format!("the key {error}"))
    }
}

/// Returns the part that the kernel reads as numbers. It stops at other text after a space, and refuses it within a
/// word: `8 # more`, but not `8; more` (`proc_get_long()` in Linux 6.18 `kernel/sysctl.c`).
fn before_comment(value: &str) -> &str {
    let mut marks = value.match_indices(['#', ';']);
    let comment = marks.find(|(at, _)| value[..*at].ends_with(char::is_whitespace));
    comment.map_or(value, |(at, _)| value[..at].trim_end())
}

/// Returns true if a setting takes other text than numbers even while its value is a number: names, and masks of
/// processors.
fn takes_text(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or_default();
    [
        "hostname",
        "domainname",
        "core_pattern",
        "modprobe",
        "hotplug",
    ]
    .contains(&last)
        || ["mask", "cpus", "bitmap"]
            .iter()
            .any(|part| last.contains(part))
}
