//! The structure of the page.

use nslab::report::html::{self, Ladders, Views};

use crate::html_page::shipped;

#[test]
fn the_page_has_its_parts_in_order() {
    let page = html::render(
        &shipped::suite_of_all_kinds(),
        &Ladders::default(),
        &Views::default(),
    );
    insta::assert_snapshot!(outline(&page));
}

#[test]
fn rendering_is_a_function_of_the_result() {
    let result = shipped::suite_of_all_kinds();
    assert_eq!(
        html::render(&result, &Ladders::default(), &Views::default()),
        html::render(&result, &Ladders::default(), &Views::default())
    );
}

#[test]
fn every_link_within_the_page_leads_somewhere_and_every_name_is_given_once() {
    let page = html::render(
        &shipped::suite_of_all_kinds(),
        &Ladders::default(),
        &Views::default(),
    );
    let names: Vec<&str> = values_of(&page, " id=\"");
    for target in values_of(&page, "href=\"#") {
        assert!(names.contains(&target), "#{target} is nowhere");
    }
    for target in values_of(&page, "aria-labelledby=\"") {
        assert!(names.contains(&target), "{target} is nowhere");
    }
    let mut once = names.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), names.len());
}

#[test]
fn every_element_of_a_drawing_is_closed() {
    // In SVG, an HTML parser does not know self-closing elements: the next element would become their child.
    let page = html::render(
        &shipped::suite_of_all_kinds(),
        &Ladders::default(),
        &Views::default(),
    );
    for name in [
        "svg", "g", "path", "line", "rect", "circle", "text", "title",
    ] {
        let opened =
            page.matches(&format!("<{name} ")).count() + page.matches(&format!("<{name}>")).count();
        assert_eq!(
            opened,
            page.matches(&format!("</{name}>")).count(),
            "{name}"
        );
    }
}

#[test]
fn nothing_is_fetched_and_nothing_is_written_into_attributes_that_run() {
    let page = html::render(
        &shipped::suite_of_all_kinds(),
        &Ladders::default(),
        &Views::default(),
    );
    for address in [
        " src=", "<link", "@import", "url(", "<img", "<iframe", "<object",
    ] {
        assert!(!page.contains(address), "{address}");
    }
    for attribute in [" onclick=", " onload=", " style=\""] {
        assert!(!page.contains(attribute), "{attribute}");
    }
}

#[test]
fn emulation_is_shown_wherever_its_result_is() {
    let page = html::render(
        &shipped::suite_of_all_kinds(),
        &Ladders::default(),
        &Views::default(),
    );
    let run = page.split("id=\"s3-r1\"").nth(1).unwrap();
    let run = run.split("id=\"s3-r2\"").next().unwrap();
    let heading = run.split("</h3>").next().unwrap();
    assert!(heading.contains("badge emulated"), "{heading}");
    assert!(run.contains("net.ipv4.tcp_tw_recycle=1 as Linux 4.9 had it"));
    assert!(run.contains("data-name=\"TIME_WAIT (emulated)\""));
    let row = run.split("server.tcp.TIME_WAIT &lt;= 10").next().unwrap();
    let row = row.rsplit("<tr").next().unwrap();
    assert!(row.contains("badge emulated"), "{row}");
    let overview = page.split("</section>").next().unwrap();
    assert_eq!(overview.matches("badge emulated").count(), 2);
}

/// Returns the values of an attribute, identified by the text before them.
pub fn values_of<'a>(page: &'a str, before: &str) -> Vec<&'a str> {
    page.split(before)
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect()
}

/// Returns headings, captions, folds and badges, one per line.
fn outline(page: &str) -> String {
    let body = page.split("<main>").nth(1).unwrap();
    let mut lines = Vec::new();
    for (open, close, shown) in [
        ("<h1", "</h1>", "h1"),
        ("<h2", "</h2>", "  h2"),
        ("<h3", "</h3>", "    h3"),
        ("<h4", "</h4>", "      h4"),
        ("<figcaption", "</figcaption>", "      chart"),
        ("<summary", "</summary>", "      fold"),
        ("<p class=\"notice\"", "</p>", "      notice"),
        ("<p class=\"reason\"", "</p>", "      reason"),
        ("<tr class=", "</tr>", "      row"),
    ] {
        for (at, _) in body.match_indices(open) {
            let element = &body[at..at + body[at..].find(close).unwrap()];
            lines.push((at, format!("{shown}: {}", text_of(element))));
        }
    }
    lines.sort();
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    lines.join("\n")
}

/// Returns the text of an element without its tags.
fn text_of(element: &str) -> String {
    let mut text = String::new();
    let mut inside = true;
    for letter in element.chars() {
        match letter {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            _ if !inside => text.push(letter),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
