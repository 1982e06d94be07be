//! The document around the content: head, policy, style, script, header, footer.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{ScenarioView, scenario, summary};
use crate::suite::SuiteResult;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Allows only the one script and the one style with these digests (a test computes both). Nothing is fetched, and
/// markup that slipped through could not run (CSP Level 3, W3C).
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
    script-src 'sha256-l8Zwf2XeUPbol9X1QsHhh2tNwDMt3z/8wFoKiV/J/yg='; \
    style-src 'sha256-L4Ki4ZJj1PnKrwAhWK92x3lkCWljg7ifhu+mo0e3bpY='";

/// Renders the whole document.
pub(super) fn page(result: &SuiteResult, scenarios: &[ScenarioView<'_>], columns: usize) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content={ "nslab " (env!("CARGO_PKG_VERSION")) };
                title { "nslab: " (result.outcome()) ", " (summary::counts(result)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (theme_choice())
                main {
                    (summary::summary(result, scenarios))
                    @for view in scenarios { (scenario::scenario(view, columns)) }
                }
                footer {
                    "Written by nslab " (env!("CARGO_PKG_VERSION"))
                    ". On a chart, use the pointer or the arrow keys to read values."
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// Renders radio buttons that the style sheet reads, so that the colour theme needs no script.
fn theme_choice() -> Markup {
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
    use sha2::{Digest, Sha256};

    #[test]
    fn the_policy_names_the_digests_of_script_and_style() {
        for (source, text) in [("script", SCRIPT), ("style", STYLE)] {
            let digest = base64(&Sha256::digest(text));
            assert!(
                POLICY.contains(&format!("{source}-src 'sha256-{digest}'")),
                "the policy must say: {source}-src 'sha256-{digest}'"
            );
        }
    }

    #[test]
    fn script_and_style_do_not_end_their_element_early() {
        assert!(!SCRIPT.to_lowercase().contains("</script"));
        assert!(!STYLE.to_lowercase().contains("</style"));
    }

    fn base64(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let mut group = [0_u8; 3];
            group[..chunk.len()].copy_from_slice(chunk);
            let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
            for place in 0..4 {
                if place <= chunk.len() {
                    text.push(char::from(
                        ALPHABET[(bits >> (18 - 6 * place) & 63) as usize],
                    ));
                } else {
                    text.push('=');
                }
            }
        }
        text
    }
}
