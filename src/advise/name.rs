//! The name on the left of a line: a key, or a pattern of keys (glob(7)).
//!
//! Words are separated by dots, as sysctl(8) prints keys. A dot inside a word (the interface `eth0.5`) is
//! stored as a slash, as in sysctl.d(5). If the first separator in the file is a slash, dots and slashes
//! swap their roles.

use std::fmt;

use thiserror::Error;

/// A limit above the length of any key in Linux.
const LONGEST: usize = 255;

/// A key or a pattern of keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// A text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not the key of a setting")]
pub struct NameError(String);

impl Name {
    /// Parses a name as it is written in a file.
    ///
    /// # Errors
    /// If it has empty words, or characters that appear in no key or pattern.
    pub fn read(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError(text.chars().take(LONGEST).collect());
        let slashes_first = text
            .find(['.', '/'])
            .is_some_and(|at| text[at..].starts_with('/'));
        let dotted: String = if slashes_first {
            let swap = |letter| match letter {
                '/' => '.',
                '.' => '/',
                other => other,
            };
            text.trim_start_matches('/').chars().map(swap).collect()
        } else {
            text.to_owned()
        };
        let fits = |word: &str| {
            let letter =
                |letter: char| letter.is_ascii_alphanumeric() || "_-/*?[]!@:".contains(letter);
            !word.is_empty() && word.chars().all(letter)
        };
        let all = dotted.len() <= LONGEST && dotted.split('.').all(fits);
        if all { Ok(Self(dotted)) } else { Err(wrong()) }
    }

    /// Returns the name with dots between words.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if it is a pattern, which stands for all keys that match.
    pub fn is_pattern(&self) -> bool {
        self.0.contains(['*', '?', '['])
    }

    /// Returns true if a key equals the name or matches the pattern. A `*` matches within one word only.
    pub fn matches(&self, key: &str) -> bool {
        if !self.is_pattern() {
            return self.0 == key;
        }
        let (mut pattern, mut key) = (self.0.split('.'), key.split('.'));
        loop {
            match (pattern.next(), key.next()) {
                (Some(pattern), Some(word))
                    if word_matches(pattern.as_bytes(), word.as_bytes()) => {}
                (None, None) => return true,
                _ => return false,
            }
        }
    }
}

/// Matches one word: `*` is any text, `?` one character, `[a-c]` one of these, `[!a]` any other.
fn word_matches(pattern: &[u8], word: &[u8]) -> bool {
    let (mut at, mut in_word) = (0, 0);
    // The position to return to when a `*` has to match one more character.
    let mut star: Option<(usize, usize)> = None;
    while in_word < word.len() {
        let step = match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, in_word));
                at += 1;
                continue;
            }
            Some(b'[') => class(&pattern[at..], word[in_word]),
            Some(b'?') => Some(1),
            Some(letter) if *letter == word[in_word] => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => {
                at += length;
                in_word += 1;
            }
            (None, Some((behind, taken))) => {
                star = Some((behind, taken + 1));
                at = behind;
                in_word = taken + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

/// Returns the length of a `[...]` that matches a character; `None` if it does not match or is not closed.
fn class(pattern: &[u8], letter: u8) -> Option<usize> {
    // The first character of a class may be `]` itself.
    let negated = pattern.get(1) == Some(&b'!');
    let from = 1 + usize::from(negated);
    let end = from
        + 1
        + pattern
            .get(from + 1..)?
            .iter()
            .position(|each| *each == b']')?;
    let body = &pattern[from..end];
    let mut taken = false;
    let mut at = 0;
    while at < body.len() {
        if body.get(at + 1) == Some(&b'-') && at + 2 < body.len() {
            taken |= (body[at]..=body[at + 2]).contains(&letter);
            at += 3;
        } else {
            taken |= body[at] == letter;
            at += 1;
        }
    }
    (taken != negated).then_some(end + 1)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_swapped_if_the_first_is_a_slash() {
        for (written, name) in [
            ("net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_tw_reuse"),
            ("net/ipv4/tcp_tw_reuse", "net.ipv4.tcp_tw_reuse"),
            (
                "net.ipv4.conf.enp3s0/200.forwarding",
                "net.ipv4.conf.enp3s0/200.forwarding",
            ),
            (
                "net/ipv4/conf/enp3s0.200/forwarding",
                "net.ipv4.conf.enp3s0/200.forwarding",
            ),
        ] {
            assert_eq!(Name::read(written).unwrap().as_str(), name);
        }
        for wrong in ["", ".", "net.", "net.ipv4.a b", "net.ü", "net.$(x)"] {
            assert!(Name::read(wrong).is_err(), "{wrong}");
        }
        assert!(Name::read(&"a".repeat(300)).is_err());
    }

    #[test]
    fn patterns_match_like_glob() {
        let matches = |pattern: &str, key: &str| Name::read(pattern).unwrap().matches(key);
        assert!(matches(
            "net.ipv4.conf.*.rp_filter",
            "net.ipv4.conf.eth0.rp_filter"
        ));
        assert!(!matches(
            "net.ipv4.*.rp_filter",
            "net.ipv4.conf.eth0.rp_filter"
        ));
        assert!(matches(
            "net.ipv4.conf.eth[0-3].rp_filter",
            "net.ipv4.conf.eth2.rp_filter"
        ));
        assert!(!matches(
            "net.ipv4.conf.eth[!0-3].rp_filter",
            "net.ipv4.conf.eth2.rp_filter"
        ));
        assert!(matches("net.ipv4.tcp_?mem", "net.ipv4.tcp_rmem"));
        assert!(matches("net.*.t*_*m", "net.ipv4.tcp_xm"));
        assert!(!matches("net.[", "net.a") && !matches("net.a[b", "net.ab"));
        assert!(matches("net.core.somaxconn", "net.core.somaxconn"));
        let slow = format!("net.{}b", "*a".repeat(60));
        assert!(!matches(&slow, &format!("net.{}", "a".repeat(100))));
    }
}
