//! One setting of a set as written on the command line: `net.ipv4.tcp_tw_reuse=1`, `server:net.core.somaxconn=128`,
//! `rate=200/s`.

use std::fmt;

use thiserror::Error;

use crate::names::NodeName;

/// A setting of one side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SetOption {
    /// A parameter of the scenario.
    Param { name: String, value: String },
    Sysctl {
        /// Node that it applies to; all nodes if absent.
        node: Option<NodeName>,
        /// The key in its spelling with dots.
        key: String,
        value: String,
    },
}

/// The error for a text that is not a setting.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// It lacks a name, an `=` or a value.
    #[error(
        "expected KEY=VALUE, for example net.ipv4.tcp_tw_reuse=1, server:net.core.somaxconn=128 or rate=200/s"
    )]
    Form,
    /// Its key contains characters that no sysctl key has.
    #[error("`{0}` is not the key of a setting; keys are spelled like net.ipv4.tcp_syncookies")]
    Key(String),
}

impl std::str::FromStr for SetOption {
    type Err = SettingError;

    /// Reads a setting: with a dot, slash or node before its `=` it is a sysctl, otherwise a parameter.
    fn from_str(text: &str) -> Result<Self, SettingError> {
        let (name, value) = text.split_once('=').ok_or(SettingError::Form)?;
        let (name, value) = (name.trim(), value.trim().to_owned());
        if name.is_empty() || value.is_empty() {
            return Err(SettingError::Form);
        }
        let (node, key) = match name.split_once(':') {
            Some((node, key)) if !node.is_empty() => (Some(NodeName::new(node)), key),
            Some(_) => return Err(SettingError::Form),
            None => (None, name),
        };
        if node.is_none() && !key.contains(['.', '/']) {
            return Ok(Self::Param {
                name: key.to_owned(),
                value,
            });
        }
        let key = key.replace('/', ".");
        if !is_key(&key) {
            return Err(SettingError::Key(key));
        }
        Ok(Self::Sysctl { node, key, value })
    }
}

/// Converts a key to the spelling of scenario files, with dots.
fn is_key(key: &str) -> bool {
    let word = |word: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        !word.is_empty() && word.bytes().all(fits)
    };
    key.contains('.') && key.split('.').all(word)
}

impl fmt::Display for SetOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Param { name, value } => write!(f, "{name}={value}"),
            Self::Sysctl {
                node: None,
                key,
                value,
            } => write!(f, "{key}={value}"),
            Self::Sysctl {
                node: Some(node),
                key,
                value,
            } => write!(f, "{node}:{key}={value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_shown() {
        for text in [
            "rate=200/s",
            "net.ipv4.tcp_tw_reuse=1",
            "server:net.core.somaxconn=128",
            "net.ipv4.ip_local_port_range=15000 61000",
            "range=20000 20999",
        ] {
            assert_eq!(text.parse::<SetOption>().unwrap().to_string(), text);
        }
        let spaced = "net/ipv4/tcp_tw_reuse = 1".parse::<SetOption>().unwrap();
        assert_eq!(spaced.to_string(), "net.ipv4.tcp_tw_reuse=1");
    }

    #[test]
    fn an_invalid_setting_is_an_error_with_examples() {
        for text in ["", "rate", "rate=", "=1", ":net.core.somaxconn=1"] {
            assert_eq!(text.parse::<SetOption>(), Err(SettingError::Form), "{text}");
        }
        for text in [
            "net..ipv4=1",
            "server:somaxconn=1",
            "net.ipv4.*=1",
            "a b.c=1",
        ] {
            assert!(
                matches!(text.parse::<SetOption>(), Err(SettingError::Key(_))),
                "{text}"
            );
        }
    }
}
