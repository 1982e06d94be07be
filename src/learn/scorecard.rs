//! The results of a class as CSV and JUnit.

use std::collections::BTreeMap;
use std::fmt::Write;

use quick_xml::escape::escape;

use super::grade::{Grade, GradeRow};
use crate::report::one_line;

/// Writes one line per answer.
///
/// # Errors
/// If the table cannot be written.
pub fn csv(grade: &Grade) -> Result<String, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record([
        "student", "file", "lesson", "seed", "question", "right", "of", "result",
    ])?;
    for row in &grade.rows {
        let seed = row.seed.map_or(String::new(), |seed| seed.to_string());
        let right = row
            .right
            .map_or("undecided".to_owned(), |right| right.to_string());
        table.write_record([
            &harmless(&row.student),
            &harmless(&row.file),
            &row.lesson,
            &seed,
            &row.question,
            &right,
            &row.of.to_string(),
            &harmless(&row.words),
        ])?;
    }
    for refused in &grade.refused {
        let file = refused
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        table.write_record([
            "",
            &harmless(&file),
            "",
            "",
            "",
            "refused",
            "",
            &harmless(&refused.reason),
        ])?;
    }
    let bytes = table
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Keeps a spreadsheet from reading a student's text as a formula (OWASP, CSV injection).
fn harmless(text: &str) -> String {
    let text = one_line(text);
    if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text.to_string()
    }
}

/// Writes a test suite per student and a test case per answer.
pub fn junit(grade: &Grade) -> String {
    let mut suites: BTreeMap<(&str, &str), Vec<&GradeRow>> = BTreeMap::new();
    for row in &grade.rows {
        suites
            .entry((&row.file, &row.student))
            .or_default()
            .push(row);
    }
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for ((file, student), rows) in suites {
        let failures = rows
            .iter()
            .filter(|row| row.right.is_some_and(|right| right < row.of))
            .count();
        let skipped = rows.iter().filter(|row| row.right.is_none()).count();
        let _infallible = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">",
            attribute(&format!("{student} ({file})")),
            rows.len()
        );
        for row in rows {
            let _infallible = write!(
                text,
                "    <testcase name=\"{}\" classname=\"{}\">",
                attribute(&row.question),
                attribute(&row.lesson)
            );
            let words = attribute(&row.words);
            match row.right {
                None => text += &format!("<skipped message=\"{words}\"/>"),
                Some(right) if right < row.of => text += &format!("<failure message=\"{words}\"/>"),
                Some(_) => {}
            }
            text += "</testcase>\n";
        }
        text += "  </testsuite>\n";
    }
    if !grade.refused.is_empty() {
        let count = grade.refused.len();
        let _infallible = writeln!(
            text,
            "  <testsuite name=\"refused\" tests=\"{count}\" failures=\"0\" errors=\"{count}\" skipped=\"0\">"
        );
        for refused in &grade.refused {
            let _infallible = writeln!(
                text,
                "    <testcase name=\"{}\" classname=\"refused\"><error message=\"{}\"/></testcase>",
                attribute(&refused.path.display().to_string()),
                attribute(&refused.reason)
            );
        }
        text += "  </testsuite>\n";
    }
    text += "</testsuites>\n";
    text
}

fn attribute(text: &str) -> String {
    escape(&*one_line(text)).into_owned()
}
