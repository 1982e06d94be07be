//! Links from a report to other files.

use std::path::{Component, Path, PathBuf};

/// Returns the path to a file as seen from a folder; both are relative to the working directory. If the
/// path contains `..` (which may lead through a symbolic link), it returns the absolute path of the file.
pub(in crate::cli) fn relative_path(folder: &Path, file: &Path) -> PathBuf {
    let (Ok(folder), Ok(whole)) = (
        std::path::absolute(Path::new(".").join(folder)),
        std::path::absolute(file),
    ) else {
        return file.to_owned();
    };
    let plain = |part: &Component<'_>| !matches!(part, Component::ParentDir);
    if !folder.components().all(|part| plain(&part)) || !whole.components().all(|part| plain(&part))
    {
        return whole;
    }
    let (from, to): (Vec<_>, Vec<_>) =
        (folder.components().collect(), whole.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(Component::ParentDir, from.len() - common);
    up.chain(to.into_iter().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_from_the_report_to_the_file() {
        let link = |folder: &str, file: &str| {
            relative_path(Path::new(folder), Path::new(file))
                .display()
                .to_string()
        };
        assert_eq!(link("", "out/a.jsonl"), "out/a.jsonl");
        assert_eq!(link("public/x", "out/a.jsonl"), "../../out/a.jsonl");
        assert_eq!(link("/a/b", "/a/c/d"), "../c/d");
        assert_eq!(link("out", "out/a.jsonl"), "a.jsonl");
        assert_eq!(link("../elsewhere", "/out/a.jsonl"), "/out/a.jsonl");
    }
}
