//! One file of sysctl.conf(5) syntax, line by line. Pure: what a key is worth, the kernel says (`lab::inquiry`).
//!
//! As sysctl(8) of procps and systemd-sysctl(8) read it (sysctl.conf(5), sysctl.d(5)): `key = value`; a line that begins with `#` or
//! `;` is a comment; a `-` in front means that failure is no matter; a `-key` without value keeps a key out of patterns. There are
//! no comments behind a value.

use thiserror::Error;

use super::name::{Name, NameError};

/// Longest value that sysctl(8) takes ("BUGS" of sysctl.conf(5)).
const LONGEST_VALUE: usize = 4096;
/// Characters of a line that are shown.
const SHOWN: usize = 500;

/// A line that is neither empty nor a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// As written, without its end; of a very long one how it begins.
    pub text: String,
    /// What it says.
    pub said: Result<Said, LineError>,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// `key = value`.
    Set {
        /// Which keys.
        name: Name,
        /// As it would be written.
        value: String,
        /// Whether failure is no matter: `-key = value`.
        may_fail: bool,
    },
    /// `-key`: patterns leave these out.
    Exclude(Name),
}

/// Why a line says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineError {
    /// It is no assignment.
    #[error("this is no `key = value`; sysctl skips it{}", hint(.0))]
    NotAnAssignment(String),
    /// There is nothing behind `=`.
    #[error("there is no value behind `=`")]
    NoValue,
    /// The value is longer than sysctl(8) takes.
    #[error("the value has {0} characters; sysctl takes at most {LONGEST_VALUE}")]
    LongValue(usize),
    /// There is something in the value that no text has.
    #[error("the value has a control character, U+{:04X}", u32::from(*.0))]
    Control(char),
    /// The key is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// What was probably meant.
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
        "; it is a command"
    } else if text.starts_with("//") {
        "; comments begin with `#` or `;`"
    } else if text.split_whitespace().nth(1).is_some() {
        "; the `=` is missing"
    } else {
        ""
    }
}

/// Reads a file's text. Lines that are empty or comments are left out.
pub fn read(text: &str) -> Vec<Line> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    (1..)
        .zip(text.lines())
        .filter_map(|(number, line)| {
            let line = line.trim();
            let skipped = line.is_empty() || line.starts_with(['#', ';']);
            (!skipped).then(|| Line {
                number,
                text: shown(line),
                said: said(line),
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

fn said(line: &str) -> Result<Said, LineError> {
    let (may_fail, line) = match line.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, line),
    };
    let Some((name, value)) = line.split_once('=') else {
        return match Name::read(line) {
            Ok(name) if may_fail => Ok(Said::Exclude(name)),
            _ => Err(LineError::NotAnAssignment(shown(line))),
        };
    };
    // `sysctl -w key=value` is a command with an `=` in it.
    if name.trim().contains(char::is_whitespace) {
        return Err(LineError::NotAnAssignment(shown(line)));
    }
    let name = Name::read(name.trim())?;
    let value = value.trim().to_owned();
    if value.is_empty() {
        return Err(LineError::NoValue);
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
    Ok(Said::Set {
        name,
        value,
        may_fail,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let line = |line: Line| match line.said {
            Ok(Said::Set {
                name,
                value,
                may_fail,
            }) => format!(
                "{} {}{name} := {value}",
                line.number,
                if may_fail { "-" } else { "" }
            ),
            Ok(Said::Exclude(name)) => format!("{} not {name}", line.number),
            Err(error) => format!("{} {error}", line.number),
        };
        read(text).into_iter().map(line).collect()
    }

    #[test]
    fn lines_are_read_as_sysctl_reads_them() {
        assert_eq!(
            told(
                "\u{feff}# comment\r\n  ; comment\r\n\r\nnet.ipv4.tcp_tw_reuse = 1\r\nnet/core/somaxconn=1024\r\n\
                 -net.ipv4.tcp_fack\t=  0  \r\nnet.ipv4.tcp_rmem = 4096\t87380 16777216\n-net.ipv4.conf.lo.rp_filter\n"
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
    fn what_says_nothing_is_told_with_what_was_meant() {
        assert_eq!(
            told(
                "net.ipv4.tcp_tw_reuse\nnet.ipv4.tcp_tw_reuse 1\nnet.ipv4.tcp_tw_reuse =\nsysctl -w net.core.somaxconn=1\n\
                 echo 1 > /proc/sys/net/ipv4/tcp_tw_recycle\n// note\n= 5\nnet..x = 1"
            ),
            [
                "1 this is no `key = value`; sysctl skips it",
                "2 this is no `key = value`; sysctl skips it; the `=` is missing",
                "3 there is no value behind `=`",
                "4 this is no `key = value`; sysctl skips it; it is a command",
                "5 this is no `key = value`; sysctl skips it; it is a command",
                "6 this is no `key = value`; sysctl skips it; comments begin with `#` or `;`",
                "7 `` is not the key of a setting",
                "8 `net..x` is not the key of a setting",
            ]
        );
    }

    #[test]
    fn a_control_character_is_no_part_of_a_value() {
        let control = "1 the value has a control character, U+001B";
        assert_eq!(told("net.core.somaxconn = 1\u{1b}[31m"), [control]);
    }

    #[test]
    fn a_comment_behind_a_value_is_part_of_it() {
        assert_eq!(
            told("net.core.somaxconn = 1024 # more"),
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
        assert_eq!(long[0].said, Err(LineError::LongValue(1_000_000)));
        assert!(long[0].text.len() < 600);
        assert!(read(&"é".repeat(1_000_000))[0].text.len() < 1100);
    }
}
