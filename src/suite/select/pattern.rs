//! What a name has to be like: itself, a glob, a part of it, a regular expression.

use regex::Regex;

/// A matcher of names.
#[derive(Debug, Clone)]
pub(in crate::suite) enum Pattern {
    /// Exactly this.
    Exact(String),
    /// `*` stands for any text, `?` for any character, `[a-c]` and `[!a-c]` for some, `{a,b}` for either.
    Glob(Regex),
    /// Has this in it.
    Contains(String),
    /// Matches somewhere.
    Regex(Regex),
}

impl Pattern {
    /// Reads `=exact`, `~part`, `/regex/`, `#glob`, or a word: a glob where it has characters of one, else exact.
    ///
    /// # Errors
    /// Why the regular expression or the glob is none.
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

    /// A glob over a whole name; `*` also stands for `/`.
    ///
    /// # Errors
    /// Why it is none: a bracket or brace without its end.
    pub(in crate::suite) fn glob(glob: &str) -> Result<Self, String> {
        Regex::new(&regex_of(glob)?)
            .map(Self::Glob)
            .map_err(|error| last_line(&error))
    }

    /// Whether a name is like this.
    pub(in crate::suite) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Contains(part) => name.contains(part.as_str()),
            Self::Glob(regex) | Self::Regex(regex) => regex.is_match(name),
        }
    }

    /// The one name that it stands for, where it does.
    pub(super) fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(exact) => Some(exact),
            Self::Contains(_) | Self::Glob(_) | Self::Regex(_) => None,
        }
    }
}

/// Whether a word has characters that mean something in a glob.
pub(in crate::suite) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// The same as a regular expression for the whole name.
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

/// The regex crate draws its errors over several lines; the last says what is wrong.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_exact_and_a_glob_where_it_looks_like_one() {
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
    fn what_is_no_pattern_says_why() {
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
