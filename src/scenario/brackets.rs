//! The open brackets of a YAML text: finds where a `{` or `[` that is never closed begins, and one that closes nothing.

/// The state of the brackets at some place of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Brackets {
    /// Each is closed.
    Balanced,
    /// Offsets of the brackets that are still open, outermost first.
    Open(Vec<usize>),
    /// The offset of a bracket that closes nothing, and that of the one of another kind that is open, if any.
    Stray(usize, Option<usize>),
}

/// Follows the brackets from the start of the text up to an offset. Quotes, comments and block scalars are skipped, and
/// so are brackets within a plain text.
pub(crate) fn up_to(text: &str, end: usize) -> Brackets {
    let bytes = &text.as_bytes()[..end.min(text.len())];
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    // True if a value may begin here: at the start of a line, after `: `, `- `, `[`, `{` and `,`.
    let mut value_begins = true;
    while let Some(byte) = bytes.get(at) {
        let after_blank = at == 0 || bytes[at - 1].is_ascii_whitespace();
        let flow = !open.is_empty();
        match byte {
            b'\n' => {
                if !flow && let Some(indent) = block_scalar(line_before(bytes, at)) {
                    at = after_deeper_lines(bytes, at + 1, indent);
                    value_begins = true;
                    continue;
                }
                value_begins = true;
            }
            b' ' | b'\t' => {}
            b'#' if after_blank => {
                at = line_end(bytes, at);
                continue;
            }
            b'"' | b'\'' if value_begins => {
                at = after_quotes(bytes, at);
                value_begins = false;
                continue;
            }
            b'{' | b'[' if value_begins || flow => {
                // `${name}` is a parameter.
                if *byte == b'{' && at > 0 && bytes[at - 1] == b'$' {
                    at = bytes[at..]
                        .iter()
                        .position(|byte| *byte == b'}')
                        .map_or(bytes.len(), |length| at + length + 1);
                    continue;
                }
                open.push(at);
                value_begins = true;
            }
            b'}' | b']' if flow => match open.last() {
                Some(start) if (bytes[*start] == b'{') == (*byte == b'}') => {
                    open.pop();
                    value_begins = false;
                }
                other => return Brackets::Stray(at, other.copied()),
            },
            b',' if flow => value_begins = true,
            b':' | b'-' | b'?' => {
                let blank_follows = bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
                value_begins = blank_follows && (*byte == b':' || value_begins);
            }
            _ => value_begins = false,
        }
        at += 1;
    }
    if open.is_empty() {
        Brackets::Balanced
    } else {
        Brackets::Open(open)
    }
}

fn line_before(bytes: &[u8], end: usize) -> &[u8] {
    let start = bytes[..end]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    &bytes[start..end]
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(bytes.len(), |length| at + length)
}

/// Returns the indentation of a line that begins a block scalar: `lesson: |`.
fn block_scalar(line: &[u8]) -> Option<usize> {
    let line = line.trim_ascii_end();
    let line = line
        .strip_suffix(b"-")
        .or(line.strip_suffix(b"+"))
        .unwrap_or(line);
    let before = line.strip_suffix(b"|").or(line.strip_suffix(b">"))?;
    let introduced = before.ends_with(b": ") || before.ends_with(b"- ");
    introduced.then(|| indent(line))
}

fn indent(line: &[u8]) -> usize {
    line.iter().take_while(|byte| **byte == b' ').count()
}

/// Returns the start of the next line that is not indented deeper.
fn after_deeper_lines(bytes: &[u8], mut at: usize, than: usize) -> usize {
    while at < bytes.len() {
        let end = line_end(bytes, at);
        let line = &bytes[at..end];
        if !line.trim_ascii().is_empty() && indent(line) <= than {
            return at;
        }
        at = (end + 1).min(bytes.len());
    }
    at
}

/// Returns the offset after a text in quotes.
fn after_quotes(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quote == b'"' => at += 1,
            byte if *byte == quote => {
                if quote == b'\'' && bytes.get(at + 1) == Some(&quote) {
                    at += 1;
                } else {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_bracket_is_found_where_it_began() {
        for (text, open) in [
            ("a: { b: 1\nc: 2\n", Brackets::Open(vec![3])),
            ("a: { b: [1, 2\nc: 2\n", Brackets::Open(vec![3, 8])),
            ("a: { b: 1 }\n", Brackets::Balanced),
            ("a: \"{\"\nb: '[' # {\n", Brackets::Balanced),
            ("a: text with { in it\n", Brackets::Balanced),
            ("a: |\n  { never closed\nb: [\n", Brackets::Open(vec![25])),
            ("a: \"${rate}\"\nb: { c: ${rate} }\n", Brackets::Balanced),
            ("a: { b: 1 ]\n", Brackets::Stray(10, Some(3))),
        ] {
            assert_eq!(up_to(text, text.len()), open, "{text}");
        }
    }
}
