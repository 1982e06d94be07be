//! The document around the content: head, policy, style, script, header, footer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::{ScenarioView, scenario, summary, view};
use crate::suite::SuiteResult;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Renders the whole document. With `views`, it has the script that shows them.
pub(super) fn page(
    result: &SuiteResult,
    scenarios: &[ScenarioView<'_>],
    columns: usize,
    views: bool,
) -> Markup {
    let title = format!("nslab: {}, {}", result.outcome(), summary::counts(result));
    let content = html! {
        (theme_choice())
        main {
            (summary::summary(result, scenarios))
            @for view in scenarios { (scenario::scenario(view, columns)) }
        }
        footer {
            "Written by nslab " (env!("CARGO_PKG_VERSION"))
            ". On a chart, use the pointer or the arrow keys to read values."
        }
    };
    document(&title, &content, views)
}

/// Renders a document around its content. Its policy allows only the scripts and the style that it has. Nothing is
/// fetched, and markup that slipped through could not run (CSP Level 3, W3C).
pub(super) fn document(title: &str, content: &Markup, views: bool) -> Markup {
    let scripts: Vec<String> = std::iter::once(SCRIPT.to_owned())
        .chain(views.then(view::script))
        .collect();
    let style = match views {
        true => format!("{STYLE}{}", view::STYLE),
        false => STYLE.to_owned(),
    };
    let digest = |text: &str| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let allowed: String = scripts.iter().map(|script| digest(script)).collect();
    let policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; script-src{allowed}; style-src{}",
        digest(&style)
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content={ "nslab " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(style)) }
            }
            body {
                (content)
                @for script in &scripts { script { (PreEscaped(script)) } }
            }
        }
    }
}

/// Renders radio buttons that the style sheet reads, so that the colour theme needs no script.
pub(super) fn theme_choice() -> Markup {
    html! {
        fieldset class="theme" {
            legend class="hidden" { "Colours" }
            @for (value, label) in [("auto", "Auto"), ("light", "Light"), ("dark", "Dark")] {
                input type="radio" name="theme" id={ "theme-" (value) } checked[value == "auto"];
                label for={ "theme-" (value) } { (label) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_styles_do_not_end_their_element_early() {
        for script in [SCRIPT, &view::script()] {
            assert!(!script.to_lowercase().contains("</script"));
            assert!(!script.contains("<!--"));
        }
        for style in [STYLE, view::STYLE] {
            assert!(!style.to_lowercase().contains("</style"));
        }
    }

    #[test]
    fn the_policy_names_the_digest_of_each_script() {
        for (views, scripts) in [(false, 1), (true, 2)] {
            let page = document("title", &html! {}, views).into_string();
            let allowed = page.split_once("script-src").unwrap().1;
            let allowed = allowed.split_once(';').unwrap().0;
            assert_eq!(allowed.matches("sha256-").count(), scripts);
            assert_eq!(page.matches("<script>").count(), scripts);
        }
    }
}
