//! Patterns for names: an exact name, a glob, a substring, a regular expression.

use regex::Regex;

/// A pattern for names.
#[derive(Debug, Clone)]
pub(in crate::suite) enum Pattern {
    Exact(String),
    /// `*` stands for any text, `?` for any character, `[a-c]` and `[!a-c]` for some, `{a,b}` for either.
    Glob(Regex),
    /// Matches names that contain this.
    Contains(String),
    /// Matches anywhere in the name.
    Regex(Regex),
}

impl Pattern {
    /// Parses `=exact`, `~part`, `/regex/`, `#glob`, or a word, which is a glob if it has a glob's characters.
    ///
    /// # Errors
    /// Returns the reason why the regular expression or the glob is invalid.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(exact) = text.strip_prefix('=') {
            return Ok(Self::Exact(exact.to_owned()));
        }
        if let Some(part) = text.strip_prefix('~') {
            return Ok(Self::Contains(part.to_owned()));
        }
        if let Some(regex) = text.strip_prefix('/') {
            let Some(regex) = regex.strip_suffix('/') else {
                return Err("a regular expression ends with `/`".to_owned());
            };
            return Regex::new(regex)
                .map(Self::Regex)
                .map_err(|error| last_line(&error));
        }
        match text.strip_prefix('#') {
            Some(glob) => Self::glob(glob),
            None if is_glob(text) => Self::glob(text),
            None => Ok(Self::Exact(text.to_owned())),
        }
    }

    /// Parses a glob for a whole name; `*` also matches `/`.
    ///
    /// # Errors
    /// Returns the reason why it is invalid: a bracket or brace is not closed.
    pub(in crate::suite) fn glob(glob: &str) -> Result<Self, String> {
        Regex::new(&regex_of(glob)?)
            .map(Self::Glob)
            .map_err(|error| last_line(&error))
    }

    /// Returns true if a name matches.
    pub(in crate::suite) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Contains(part) => name.contains(part.as_str()),
            Self::Glob(regex) | Self::Regex(regex) => regex.is_match(name),
        }
    }

    /// Returns the only name that it matches, if it is exact.
    pub(super) fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(exact) => Some(exact),
            Self::Contains(_) | Self::Glob(_) | Self::Regex(_) => None,
        }
    }
}

/// Returns true if a word contains special characters of globs.
pub(in crate::suite) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Translates a glob into a regular expression for the whole name.
fn regex_of(glob: &str) -> Result<String, String> {
    let mut regex = "^(?s:".to_owned();
    let mut letters = glob.chars().peekable();
    let mut alternatives = 0;
    while let Some(letter) = letters.next() {
        match letter {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '{' => {
                alternatives += 1;
                regex.push_str("(?:");
            }
            '}' if alternatives > 0 => {
                alternatives -= 1;
                regex.push(')');
            }
            ',' if alternatives > 0 => regex.push('|'),
            '[' => {
                regex.push('[');
                if letters.next_if(|next| matches!(next, '!' | '^')).is_some() {
                    regex.push('^');
                }
                let mut closed = false;
                for inner in letters.by_ref() {
                    if inner == ']' {
                        closed = true;
                        break;
                    }
                    if matches!(inner, '[' | '\\' | '^' | '&' | '~') {
                        regex.push('\\');
                    }
                    regex.push(inner);
                }
                if !closed {
                    return Err("`[` of the glob is not closed by `]`".to_owned());
                }
                regex.push(']');
            }
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    if alternatives > 0 {
        return Err("`{` of the glob is not closed by `}`".to_owned());
    }
    regex.push_str(")$");
    Ok(regex)
}

/// Returns the message of an error that the regex crate draws over several lines: the last one.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_exact_unless_it_looks_like_a_glob() {
        for (pattern, like, unlike) in [
            ("table-full", "table-full", "table-full-ab"),
            ("table-*", "table-full-ab", "a-table-x"),
            ("conntrack/*", "conntrack/table-full", "ports/conntrack/x"),
            ("tabl?", "table", "tables"),
            ("[a-c]x", "bx", "dx"),
            ("[!a-c]x", "dx", "bx"),
            ("{one,t*o}", "two", "three"),
            ("=a*", "a*", "ab"),
            ("~full", "table-full-ab", "fu"),
            ("/^t.*l$/", "table-full", "table-full-ab"),
            ("#a", "a", "b"),
            ("rate=5.0/s", "rate=5.0/s", "rate=5x0/s"),
        ] {
            let pattern_read = Pattern::parse(pattern).unwrap();
            assert!(pattern_read.matches(like), "{pattern} {like}");
            assert!(!pattern_read.matches(unlike), "{pattern} {unlike}");
        }
    }

    #[test]
    fn an_invalid_pattern_is_refused_with_the_reason() {
        for (pattern, why) in [
            ("/a(/", "unclosed group"),
            ("/a", "ends with `/`"),
            ("[a", "not closed"),
            ("{a,b", "not closed"),
        ] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
    }
}
