//! Parses a file in the syntax of sysctl.conf(5), line by line. Pure: keys are looked up later.
//!
//! The rules are those of sysctl(8) of procps and systemd-sysctl(8), see sysctl.conf(5) and sysctl.d(5):
//! `key = value`; a line that starts with `#` or `;` is a comment; a `-` in front means that failure does
//! not matter; `-key` without a value excludes a key from patterns. A `#` later in a line is part of the value.

use thiserror::Error;

use super::name::{Name, NameError};
use crate::sysctls::{self, Form};

/// Longest value that sysctl(8) accepts (sysctl.conf(5), "BUGS").
const LONGEST_VALUE: usize = 4096;
/// Characters of a line that reports show.
const SHOWN: usize = 500;

/// A line that is neither empty nor a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysctlLine {
    /// The number of the line, from 1.
    pub number: usize,
    /// The text as written, cut off if it is very long.
    pub text: String,
    /// The parsed statement.
    pub statement: Result<Statement, LineError>,
}

/// The statement of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `key = value`.
    Set {
        /// The key, or a pattern of keys.
        name: Name,
        /// The value as written.
        value: String,
        /// True if failure does not matter: `-key = value`.
        may_fail: bool,
    },
    /// `-key`: patterns do not set it.
    Exclude(Name),
}

/// A line is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineError {
    /// Not an assignment.
    #[error("this is not `key = value`, so sysctl skips it{}", hint(.0))]
    NotAnAssignment(String),
    /// Nothing follows the `=`.
    #[error("no value after `=`")]
    NoValue,
    /// The value is longer than sysctl(8) accepts.
    #[error("the value has {0} characters; sysctl accepts at most {LONGEST_VALUE}")]
    LongValue(usize),
    /// The key or the value is in quotes.
    #[error(
        "sysctl does not strip quotes, so they are part of the key or the value; write `{meant}`"
    )]
    Quotes {
        /// The line without quotes.
        meant: String,
    },
    /// The value has a control character.
    #[error("the value has a control character, U+{:04X}", u32::from(*.0))]
    Control(char),
    /// The key is invalid.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Guesses what was meant.
fn hint(text: &str) -> &'static str {
    let command = [
        "sysctl ",
        "echo ",
        "sudo ",
        "ulimit ",
        "ifconfig ",
        "ip ",
        "modprobe ",
    ];
    if command.iter().any(|start| text.starts_with(start)) {
        "; this is a shell command"
    } else if text.starts_with("//") {
        "; comments start with `#` or `;`"
    } else if text.contains('=') {
        "; there is a space within the key"
    } else if text.split_whitespace().nth(1).is_some() {
        "; the `=` is missing"
    } else {
        ""
    }
}

/// Parses the text of a file. Empty lines and comments are left out.
pub fn read(text: &str) -> Vec<SysctlLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    (1..)
        .zip(text.lines())
        .filter_map(|(number, line)| {
            let line = line.trim();
            let skipped = line.is_empty() || line.starts_with(['#', ';']);
            (!skipped).then(|| SysctlLine {
                number,
                text: shown(line),
                statement: statement(line),
            })
        })
        .collect()
}

fn shown(line: &str) -> String {
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

fn statement(line: &str) -> Result<Statement, LineError> {
    let (may_fail, line) = match line.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, line),
    };
    let Some((name, value)) = line.split_once('=') else {
        return match Name::read(line) {
            Ok(name) if may_fail => Ok(Statement::Exclude(name)),
            _ => Err(LineError::NotAnAssignment(shown(line))),
        };
    };
    // `sysctl -w key=value` is a shell command that contains `=`.
    if name.trim().contains(char::is_whitespace) {
        return Err(LineError::NotAnAssignment(shown(line)));
    }
    if name.contains(is_quote) {
        return Err(quotes(line));
    }
    let name = Name::read(name.trim())?;
    let value = value.trim().to_owned();
    let setting = sysctls::find(name.as_str());
    // An empty line clears a list of ports (proc_do_large_bitmap() in Linux kernel/sysctl.c); numbers need a digit.
    if value.is_empty() && setting.is_none_or(|setting| setting.form != Form::Ports) {
        return Err(LineError::NoValue);
    }
    // Text outside the network may begin with a quote, as a command of kernel.core_pattern.
    let known = setting.is_some() || name.as_str().starts_with("net.");
    if known && (value.starts_with(is_quote) || (value.ends_with(is_quote) && !value.contains('#')))
    {
        return Err(quotes(line));
    }
    if value.len() > LONGEST_VALUE {
        return Err(LineError::LongValue(value.len()));
    }
    if let Some(control) = value
        .chars()
        .find(|each| each.is_control() && *each != '\t')
    {
        return Err(LineError::Control(control));
    }
    Ok(Statement::Set {
        name,
        value,
        may_fail,
    })
}

/// Straight and typographic quotes, and the backtick.
fn is_quote(letter: char) -> bool {
    matches!(
        letter,
        '"' | '\'' | '`' | '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}'
    )
}

fn quotes(line: &str) -> LineError {
    LineError::Quotes {
        meant: shown(&line.replace(is_quote, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_lines(text: &str) -> Vec<String> {
        let line = |line: SysctlLine| match line.statement {
            Ok(Statement::Set {
                name,
                value,
                may_fail,
            }) => format!(
                "{} {}{name} := {value}",
                line.number,
                if may_fail { "-" } else { "" }
            ),
            Ok(Statement::Exclude(name)) => format!("{} not {name}", line.number),
            Err(error) => format!("{} {error}", line.number),
        };
        read(text).into_iter().map(line).collect()
    }

    #[test]
    fn lines_are_parsed_as_sysctl_parses_them() {
        assert_eq!(
            shown_lines(
                "\u{feff}# comment\r\n  ; comment\r\n\r\nnet.ipv4.tcp_tw_reuse = 1\r\n\
                 net/core/somaxconn=1024\r\n-net.ipv4.tcp_fack\t=  0  \r\n\
                 net.ipv4.tcp_rmem = 4096\t87380 16777216\n-net.ipv4.conf.lo.rp_filter\n"
            ),
            [
                "4 net.ipv4.tcp_tw_reuse := 1",
                "5 net.core.somaxconn := 1024",
                "6 -net.ipv4.tcp_fack := 0",
                "7 net.ipv4.tcp_rmem := 4096\t87380 16777216",
                "8 not net.ipv4.conf.lo.rp_filter",
            ]
        );
    }

    #[test]
    fn an_invalid_line_is_reported_with_what_was_probably_meant() {
        assert_eq!(
            shown_lines(
                "net.ipv4.tcp_tw_reuse\nnet.ipv4.tcp_tw_reuse 1\nnet.ipv4.tcp_tw_reuse =\n\
                 sysctl -w net.core.somaxconn=1\necho 1 > /proc/sys/net/ipv4/tcp_tw_recycle\n// note\n= 5\nnet..x = 1"
            ),
            [
                "1 this is not `key = value`, so sysctl skips it",
                "2 this is not `key = value`, so sysctl skips it; the `=` is missing",
                "3 no value after `=`",
                "4 this is not `key = value`, so sysctl skips it; this is a shell command",
                "5 this is not `key = value`, so sysctl skips it; this is a shell command",
                "6 this is not `key = value`, so sysctl skips it; comments start with `#` or `;`",
                "7 `` is not the key of a setting",
                "8 `net..x` is not the key of a setting",
            ]
        );
    }

    #[test]
    fn quotes_are_not_stripped() {
        let meant = |line: &str| match &read(line)[0].statement {
            Err(LineError::Quotes { meant }) => meant.clone(),
            other => format!("{other:?}"),
        };
        for line in [
            "net.core.somaxconn = \"1024\"",
            "net.core.somaxconn = '1024'",
            "net.core.somaxconn = \u{201c}1024\u{201d}",
            "\u{201c}net.core.somaxconn\u{201d} = 1024",
            "\"net.core.somaxconn = 1024\"",
        ] {
            assert_eq!(meant(line), "net.core.somaxconn = 1024", "{line}");
        }
        let pattern = "kernel.core_pattern = \"|/bin/x\"";
        assert!(read(pattern)[0].statement.is_ok());
    }

    #[test]
    fn an_empty_value_clears_a_list_of_ports() {
        let lines = "net.ipv4.ip_local_reserved_ports =\nnet.core.somaxconn =";
        assert_eq!(
            shown_lines(lines),
            [
                "1 net.ipv4.ip_local_reserved_ports := ",
                "2 no value after `=`"
            ]
        );
    }

    #[test]
    fn a_control_character_in_a_value_is_an_error() {
        let control = "1 the value has a control character, U+001B";
        assert_eq!(shown_lines("net.core.somaxconn = 1\u{1b}[31m"), [control]);
    }

    #[test]
    fn a_comment_after_a_value_is_part_of_it() {
        assert_eq!(
            shown_lines("net.core.somaxconn = 1024 # more"),
            ["1 net.core.somaxconn := 1024 # more"]
        );
    }

    #[test]
    fn ten_thousand_lines_are_read() {
        let text: String = (0..10_000)
            .map(|n| format!("net.x.key{n} = {n}\r\n"))
            .collect();
        assert_eq!(read(&text).len(), 10_000);
        let long = read(&format!("net.a.b = {}", "7".repeat(1_000_000)));
        assert_eq!(long[0].statement, Err(LineError::LongValue(1_000_000)));
        assert!(long[0].text.len() < 600);
        assert!(read(&"é".repeat(1_000_000))[0].text.len() < 1100);
    }
}
