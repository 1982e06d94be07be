//! Tables in Markdown: read as they are on a terminal, pasted as they are into a document.

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

/// A target beside what was measured.
pub(crate) fn judged(what: &str, target: &str, measured: String, met: bool) -> Vec<String> {
    let word = if met { "met" } else { "MISSED" };
    vec![
        what.to_owned(),
        target.to_owned(),
        measured,
        word.to_owned(),
    ]
}
