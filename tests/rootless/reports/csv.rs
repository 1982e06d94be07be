//! The time series as CSV.

use nslab::report::csv;

use crate::reports::results::every_outcome;

#[test]
fn every_series_is_a_table_in_long_form() {
    insta::assert_snapshot!(csv::render(&every_outcome()).unwrap());
}

#[test]
fn a_reader_gets_back_what_was_recorded() {
    let suite = every_outcome();
    let text = csv::render(&suite).unwrap();
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert!(rows.iter().all(|row| row.len() == 7));
    let odd = rows.iter().find(|row| &row[4] == "ab.stdout").unwrap();
    let shown = crate::reports::results::ODD
        .replace("\r\n", "\n")
        .replace('\x1b', "␛")
        .replace('\0', "␀");
    let shown = shown.as_str();
    assert_eq!((&odd[0], &odd[5]), (shown, shown));
    assert_eq!(
        (&odd[1], &odd[2], &odd[3]),
        ("va\"ri\\ant", "ra|te=1,000/s", "1.5")
    );
}

#[test]
fn one_run_is_rendered_as_in_its_suite() {
    let suite = every_outcome();
    let all = csv::render(&suite).unwrap();
    let run = csv::render_run(&suite.scenarios[0].runs[0]).unwrap();
    assert!(all.starts_with(&run));
}
