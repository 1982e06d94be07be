//! Makes the sides of a comparison: one run of a scenario for each set of settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::setting::SetOption;
use crate::names::NodeName;
use crate::scenario::topology::SysctlSpec;
use crate::scenario::{self, Place, Problems, RunSpec};
use crate::suite::{ScenarioFile, ScenarioSource};

/// A request to compare: the run, and the settings of each side.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Variant of the run; the first in the file if absent.
    pub variant: Option<String>,
    /// Parameters of all sides.
    pub set: BTreeMap<String, String>,
    /// Sysctls of the scenario to drop: they keep the value of a fresh namespace unless a side sets them.
    pub without: Vec<String>,
    /// Sysctls of the whole kernel among the settings: they are set once for the lab, not on its nodes.
    pub of_kernel: Vec<String>,
    /// Settings of each side.
    pub sides: Vec<Vec<SetOption>>,
}

/// One side, ready to run.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Side {
    /// The letter of the side on the command line: `a`, `b`, ...
    pub letter: char,
    pub settings: Vec<SetOption>,
    /// The scenario with this side's parameters.
    pub file: Arc<ScenarioFile>,
    /// The run with this side's settings.
    pub spec: RunSpec,
}

/// The reason why a comparison cannot be made.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum QuestionError {
    /// The scenario has mistakes, possibly only with the parameters of one side.
    #[error("the scenario is invalid")]
    Invalid(Box<Problems>),
    /// The scenario has no such variant.
    #[error("the scenario has no variant `{wanted}`; it has {}", known.join(", "))]
    Variant { wanted: String, known: Vec<String> },
    /// The scenario has no such node.
    #[error("`{setting}` names a node that the scenario does not have; it has {}", known.join(", "))]
    Node {
        setting: SetOption,
        known: Vec<String>,
    },
    /// Two sides are equal.
    #[error("the sets {0} and {1} are the same; there is nothing to compare")]
    Same(char, char),
}

impl Question {
    /// Makes the run of each side.
    ///
    /// # Errors
    /// See [`QuestionError`].
    pub fn sides(&self, source: &ScenarioSource) -> Result<Vec<Side>, QuestionError> {
        let mut sides: Vec<Side> = Vec::new();
        for (letter, settings) in ('a'..='z').zip(&self.sides) {
            let side = self.side(letter, settings, source)?;
            if let Some(same) = sides.iter().find(|other| other.settings == side.settings) {
                return Err(QuestionError::Same(same.letter, letter));
            }
            sides.push(side);
        }
        Ok(sides)
    }

    fn side(
        &self,
        letter: char,
        settings: &[SetOption],
        source: &ScenarioSource,
    ) -> Result<Side, QuestionError> {
        let mut set = self.set.clone();
        for setting in settings {
            if let SetOption::Param { name, value } = setting {
                set.insert(name.clone(), value.clone());
            }
        }
        let scenario = scenario::parse(&source.label, &source.text, &set)
            .map_err(|problems| QuestionError::Invalid(Box::new(problems)))?;
        let mut spec = choose(&scenario.runs, self.variant.as_deref())?;
        for node in spec.topology.nodes.values_mut() {
            node.sysctls
                .retain(|sysctl| !self.without.contains(&sysctl.key));
        }
        for setting in settings {
            apply(setting, &mut spec)?;
        }
        for key in &self.of_kernel {
            set_for_the_kernel(key, &mut spec);
        }
        let file = ScenarioFile {
            label: source.label.clone(),
            text: source.text.clone(),
            set,
            scenario,
        };
        Ok(Side {
            letter,
            settings: settings.to_vec(),
            file: Arc::new(file),
            spec,
        })
    }
}

/// Returns the run of a variant; the first of several matrix cases.
fn choose(runs: &[RunSpec], variant: Option<&str>) -> Result<RunSpec, QuestionError> {
    let wanted = |run: &&RunSpec| variant.is_none() || run.id.variant.as_deref() == variant;
    runs.iter().find(wanted).cloned().ok_or_else(|| {
        let mut known: Vec<String> = runs
            .iter()
            .filter_map(|run| run.id.variant.clone())
            .collect();
        known.dedup();
        if known.is_empty() {
            known.push("none".to_owned());
        }
        QuestionError::Variant {
            wanted: variant.unwrap_or_default().to_owned(),
            known,
        }
    })
}

/// Moves a sysctl from the nodes to the kernel as a whole.
fn set_for_the_kernel(key: &str, spec: &mut RunSpec) {
    for node in spec.topology.nodes.values_mut() {
        let own = node.sysctls.iter().find(|sysctl| sysctl.key == key);
        if let Some(sysctl) = own {
            let value = sysctl.value.clone();
            spec.kernel_sysctls.insert(key.to_owned(), value);
        }
        node.sysctls.retain(|sysctl| sysctl.key != key);
    }
}

fn apply(setting: &SetOption, spec: &mut RunSpec) -> Result<(), QuestionError> {
    let SetOption::Sysctl { node, key, value } = setting else {
        return Ok(());
    };
    let nodes = &mut spec.topology.nodes;
    let names: Vec<NodeName> = match node {
        Some(name) if nodes.contains_key(name) => vec![name.clone()],
        Some(_) => {
            return Err(QuestionError::Node {
                setting: setting.clone(),
                known: nodes.keys().map(ToString::to_string).collect(),
            });
        }
        None => nodes.keys().cloned().collect(),
    };
    for name in names {
        if let Some(node) = nodes.get_mut(&name) {
            node.sysctls.retain(|sysctl| sysctl.key != *key);
            node.sysctls.push(SysctlSpec {
                key: key.clone(),
                value: value.clone(),
                place: Place::default(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
params: { rate: 10/s }
nodes: { client: { sysctls: { net.ipv4.tcp_tw_reuse: 0 } }, server: {} }
links: [ { between: [client, server] } ]
servers: { web: { node: server, port: 80 } }
clients: { load: { node: client, to: web, connect: { rate: $rate, count: 5 } } }
variants: { one: {}, two: { params: { rate: 20/s } } }
";

    fn sides(variant: Option<&str>, sides: &[&[&str]]) -> Result<Vec<Side>, QuestionError> {
        let settings = |side: &&[&str]| side.iter().map(|text| text.parse().unwrap()).collect();
        let question = Question {
            variant: variant.map(str::to_owned),
            sides: sides.iter().map(settings).collect(),
            ..Question::default()
        };
        question.sides(&ScenarioSource {
            label: "a.yaml".to_owned(),
            text: TEXT.to_owned(),
        })
    }

    fn sysctls(side: &Side) -> Vec<String> {
        let nodes = side.spec.topology.nodes.iter();
        nodes
            .flat_map(|(name, node)| {
                let each = node.sysctls.iter();
                each.map(move |sysctl| format!("{name}:{}={}", sysctl.key, sysctl.value))
            })
            .collect()
    }

    #[test]
    fn a_sysctl_applies_to_every_node_or_to_the_named_one() {
        let sides = sides(
            None,
            &[
                &[],
                &["net.ipv4.tcp_tw_reuse=1"],
                &["server:net.core.somaxconn=5"],
            ],
        )
        .unwrap();
        assert_eq!(sysctls(&sides[0]), ["client:net.ipv4.tcp_tw_reuse=0"]);
        assert_eq!(
            sysctls(&sides[1]),
            [
                "client:net.ipv4.tcp_tw_reuse=1",
                "server:net.ipv4.tcp_tw_reuse=1"
            ]
        );
        assert_eq!(
            sysctls(&sides[2]),
            [
                "client:net.ipv4.tcp_tw_reuse=0",
                "server:net.core.somaxconn=5"
            ]
        );
    }

    #[test]
    fn a_parameter_belongs_to_its_side_and_a_variant_is_chosen() {
        let rate = |side: &Side| side.spec.params["rate"].clone();
        let both = sides(None, &[&[], &["rate=30/s"]]).unwrap();
        assert_eq!([rate(&both[0]), rate(&both[1])], ["10/s", "30/s"]);
        let both = sides(Some("two"), &[&[], &["rate=30/s"]]).unwrap();
        assert_eq!([rate(&both[0]), rate(&both[1])], ["20/s", "30/s"]);
    }

    #[test]
    fn unknown_names_are_errors_that_list_the_known_ones() {
        let message = |variant, sets: &[&[&str]]| sides(variant, sets).unwrap_err().to_string();
        assert!(message(Some("three"), &[&[]]).contains("it has one, two"));
        assert!(
            message(None, &[&["cleint:net.core.somaxconn=1"]]).contains("it has client, server")
        );
        assert!(matches!(
            sides(None, &[&["nope=1"]]),
            Err(QuestionError::Invalid(_))
        ));
        assert!(matches!(
            sides(None, &[&["rate=5/s"], &["rate=5/s"]]),
            Err(QuestionError::Same('a', 'b'))
        ));
    }
}
