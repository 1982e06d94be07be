//! Words of a shell script that may be names or paths of programs.

/// Returns the words of a script that may be the name or the path of a program.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_ascii_alphanumeric() || "_-+./".contains(c);
    text.split(move |c| !part(c))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/'))
}
