//! Tables in Markdown, readable on a terminal and ready to be pasted into a document.

/// Prints a table; columns are as wide as their widest cell.
pub(crate) fn print(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(head[column].chars().count())
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let cells = cells.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}", width = *width))
            .collect();
        println!("| {} |", cells.join(" | "));
    };
    line(head.to_vec());
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    println!("|-{}-|", rule.join("-|-"));
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}

/// Formats a figure; if there is a target, adds it and whether it is met.
pub(crate) fn figure(what: &str, target: Option<(&str, bool)>, measured: String) -> Vec<String> {
    let (target, word) = match target {
        Some((target, true)) => (target, "met"),
        Some((target, false)) => (target, "MISSED"),
        None => ("", ""),
    };
    vec![
        what.to_owned(),
        target.to_owned(),
        measured,
        word.to_owned(),
    ]
}
