//! Renders a scenario's lesson from Markdown to safe HTML.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Renders Markdown. Raw HTML is shown as text, images as their description, and only links that pass
/// [`leads_somewhere_safe`] are kept.
pub(crate) fn lesson(markdown: &str) -> Markup {
    let mut dropped_links = Vec::new();
    let events = Parser::new_ext(
        markdown,
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH,
    )
    .filter_map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(Tag::Link { ref dest_url, .. }) => {
            let dropped = !leads_somewhere_safe(dest_url);
            dropped_links.push(dropped);
            (!dropped).then_some(event)
        }
        Event::End(TagEnd::Link) => (dropped_links.pop() == Some(false)).then_some(event),
        Event::Start(Tag::Heading { .. }) => Some(Event::Start(Tag::Heading {
            level: HeadingLevel::H4,
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        })),
        Event::End(TagEnd::Heading(_)) => Some(Event::End(TagEnd::Heading(HeadingLevel::H4))),
        other => Some(other),
    });
    let mut rendered = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut rendered, events);
    PreEscaped(rendered)
}

/// Returns whether an address opens a web page, as opposed to running something or reaching into this machine.
pub(super) fn leads_somewhere_safe(address: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| {
        address
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(markdown: &str) -> String {
        lesson(markdown).into_string()
    }

    #[test]
    fn markdown_becomes_html() {
        let html = rendered("One `code` and *stress*.\n\n- a\n- b\n");
        assert!(html.contains("<code>code</code>"), "{html}");
        assert!(html.contains("<em>stress</em>"), "{html}");
        assert!(html.contains("<li>a</li>"), "{html}");
    }

    #[test]
    fn raw_html_is_shown_and_never_becomes_markup() {
        let html = rendered("a <b onclick=x>b</b>\n\n<script>alert(1)</script>\n");
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("<b "), "{html}");
        assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    }

    #[test]
    fn links_lead_only_to_web_pages() {
        let html = rendered(
            "[good](https://example.org/) [bad](javascript:alert(1)) [own](file:///etc/passwd)",
        );
        assert!(
            html.contains("<a href=\"https://example.org/\">good</a>"),
            "{html}"
        );
        assert!(!html.contains("javascript"), "{html}");
        assert!(!html.contains("file:"), "{html}");
        assert!(html.contains("bad") && html.contains("own"), "{html}");
    }

    #[test]
    fn images_are_not_fetched() {
        let html = rendered("![a picture](https://example.org/x.png)");
        assert!(!html.contains("<img"), "{html}");
        assert!(html.contains("a picture"), "{html}");
    }

    #[test]
    fn headings_stay_below_those_of_the_page() {
        assert_eq!(rendered("# Big\n").trim(), "<h4>Big</h4>");
    }
}
