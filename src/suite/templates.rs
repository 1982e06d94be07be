//! Commented scenarios to start from, for `nslab new`.

use include_dir::{Dir, include_dir};
use thiserror::Error;

use crate::scenario;

/// The templates that come with the program. Each names its scenario `NAME`.
static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// A scenario to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// The name to choose it by.
    pub name: &'static str,
    text: &'static str,
}

/// A name that a scenario cannot have.
#[derive(Debug, Error)]
#[error("`{name}` cannot be the name of a scenario:\n{problems}")]
pub struct TemplateError {
    name: String,
    problems: String,
}

impl Template {
    /// The title of its scenario.
    pub fn title(&self) -> &'static str {
        let mut lines = self.text.lines();
        lines
            .find_map(|line| line.strip_prefix("title: "))
            .unwrap_or_default()
    }

    /// The text of a scenario of this name.
    ///
    /// # Errors
    /// If no scenario can have the name.
    pub fn fill(&self, name: &str) -> Result<String, TemplateError> {
        let text = self
            .text
            .replacen("name: NAME", &format!("name: {name}"), 1);
        match scenario::parse(&format!("{name}.yaml"), &text, &Default::default()) {
            Ok(_) => Ok(text),
            Err(problems) => Err(TemplateError {
                name: name.to_owned(),
                problems: problems.render(false),
            }),
        }
    }
}

/// Every template, in the order of their names.
pub fn templates() -> Vec<Template> {
    let template = |file: &'static include_dir::File<'_>| {
        Some(Template {
            name: file.path().file_stem()?.to_str()?,
            text: file.contents_utf8()?,
        })
    };
    let mut all: Vec<Template> = TEMPLATES.files().filter_map(template).collect();
    all.sort_by_key(|template| template.name);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_makes_a_scenario_with_an_absent_effect() {
        assert!(templates().len() >= 7);
        for template in templates() {
            let text = template.fill("mine").unwrap();
            assert!(text.contains("\nname: mine\n"), "{}", template.name);
            assert!(!template.title().is_empty(), "{}", template.name);
            let scenario = scenario::parse("mine.yaml", &text, &Default::default()).unwrap();
            assert!(scenario.runs.len() >= 2, "{}", template.name);
        }
    }

    #[test]
    fn a_name_that_no_scenario_can_have_is_refused() {
        let template = templates()[0];
        assert!(template.fill("a b\nc: d").is_err());
    }
}
