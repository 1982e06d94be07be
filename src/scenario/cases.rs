//! Finds the runs that a document describes: every variant of every matrix case, each with its parameters.
//!
//! It works on the tree, so that the later stages need not deal with variants and parameters.

use std::collections::BTreeMap;

use indexmap::IndexSet;

use super::bounds::{MAX_NODES_OF_ALL_RUNS, MAX_RUNS};
use super::decode::{Entries, FromNode, OneOrMany, check_name};
use super::document::Text;
use super::node::{MappingEntry, Node, NodeKind, Origin, Piece, Scalar};
use super::overlay::overlay;
use super::params;
use super::problem::{Collector, quoted};
use super::span::{Span, Spanned};
use super::{misspelt, suggest};

/// Keys that are not needed any more once the runs are known.
const CONSUMED_KEYS: [&str; 5] = ["params", "matrix", "variants", "compare", "learn"];
/// Keys that belong to the file as a whole.
pub(crate) const NOT_IN_A_VARIANT: [&str; 8] = [
    "name",
    "truth",
    "tags",
    "exercises",
    "matrix",
    "variants",
    "compare",
    "learn",
];

/// A run that has not been decoded yet.
pub(crate) struct UndecodedRun {
    pub(crate) variant: Option<String>,
    pub(crate) case: Vec<(String, String)>,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) tree: Node,
}

/// An axis of the matrix: a parameter and its values.
pub(super) struct Axis {
    pub(super) name: Spanned<String>,
    values: Vec<String>,
}

/// The variants, matrix and parameters of a document, with the tree that they apply to.
pub(crate) struct Cases {
    variants: Vec<(Spanned<String>, Node)>,
    axes: Vec<Axis>,
    set: BTreeMap<String, String>,
    base: Node,
}

impl Cases {
    /// Finds the variants, matrix and parameters of a document.
    pub(crate) fn of(
        root: &mut Node,
        set: &BTreeMap<String, String>,
        cx: &mut Collector<'_>,
    ) -> Option<Self> {
        if !matches!(root.kind, NodeKind::Mapping(_)) {
            cx.error(
                root.span,
                format!("a scenario must be a mapping, found {}", root.describe()),
            )
            .help("it needs at least `nodes:`");
            return None;
        }
        join_expectations(root, cx);
        let variants = variants(root, cx);
        let axes = axes(root, set, cx);
        misspelt::parameters(root, &variants, &axes, cx);
        check_set(root, &variants, &axes, set, cx);
        let runs = axes
            .iter()
            .map(|axis| axis.values.len())
            .fold(variants.len().max(1), usize::saturating_mul);
        let base = without(root, &CONSUMED_KEYS[1..]);
        if runs > MAX_RUNS || runs.saturating_mul(base.size()) > MAX_NODES_OF_ALL_RUNS {
            let at = root
                .get("matrix")
                .or_else(|| root.get("variants"))
                .map_or(root.head, |node| node.head);
            cx.error(at, format!("the file describes too many runs: {runs}"))
                .label(format!(
                    "the limit is {MAX_RUNS} runs, and lower for a large scenario"
                ))
                .help("split the scenario into several files");
            return None;
        }
        Some(Self {
            variants,
            axes,
            set: set.clone(),
            base,
        })
    }

    /// Returns the names of the variants, in the order of the file.
    pub(crate) fn variant_names(&self) -> Vec<String> {
        self.variants
            .iter()
            .map(|(name, _)| name.value.clone())
            .collect()
    }

    /// Returns the names of the matrix's parameters.
    pub(crate) fn axis_names(&self) -> Vec<String> {
        self.axes
            .iter()
            .map(|axis| axis.name.value.clone())
            .collect()
    }

    /// Returns the parameters of the file as a whole, without those of the matrix and
    /// without the variants' changes.
    pub(crate) fn common_params(&self, cx: &mut Collector<'_>) -> BTreeMap<String, String> {
        self.params(&self.base, &[], cx)
    }

    /// Returns every case of the matrix.
    pub(crate) fn combinations(&self) -> Vec<Vec<(String, String)>> {
        self.axes.iter().fold(vec![Vec::new()], |cases, axis| {
            cases
                .iter()
                .flat_map(|case| {
                    axis.values.iter().map(|value| {
                        let mut longer = case.clone();
                        longer.push((axis.name.value.clone(), value.clone()));
                        longer
                    })
                })
                .collect()
        })
    }

    /// Returns the run of a matrix case: of one variant, or of the document itself if there are no variants.
    /// Parameters are filled in.
    pub(crate) fn run(
        &self,
        case: &[(String, String)],
        variant: Option<usize>,
        cx: &mut Collector<'_>,
    ) -> UndecodedRun {
        let variant = variant.and_then(|index| self.variants.get(index));
        let laid = variant.map_or_else(|| self.base.clone(), |(_, over)| overlay(&self.base, over));
        let params = self.params(&laid, case, cx);
        let mut tree = without(&laid, &CONSUMED_KEYS);
        params::fill(&mut tree, &params, cx);
        UndecodedRun {
            variant: variant.map(|(name, _)| name.value.clone()),
            case: case.to_vec(),
            params,
            tree,
        }
    }

    fn params(
        &self,
        tree: &Node,
        case: &[(String, String)],
        cx: &mut Collector<'_>,
    ) -> BTreeMap<String, String> {
        let declared = tree
            .get("params")
            .filter(|node| !matches!(node.kind, NodeKind::Null))
            .and_then(|node| Entries::<Spanned<Text>>::from_node(node, cx))
            .unwrap_or_default();
        let mut params = BTreeMap::new();
        for (name, value) in declared.0 {
            check_name(&name.value, name.span, "a parameter", cx);
            let Some(value) = value else { continue };
            if value.value.0.contains('$') {
                cx.error(
                    value.span,
                    "the value of a parameter cannot use another parameter",
                )
                .help("write the value itself");
            }
            params.insert(name.value, value.value.0);
        }
        params.extend(case.iter().cloned());
        for (name, value) in &self.set {
            if params.contains_key(name) {
                params.insert(name.clone(), value.clone());
            }
        }
        params
    }
}

fn without(node: &Node, keys: &[&str]) -> Node {
    Node {
        kind: NodeKind::Mapping(
            node.entries()
                .iter()
                .filter(|entry| !keys.contains(&entry.key.text.as_str()))
                .cloned()
                .collect(),
        ),
        ..*node
    }
}

fn variants(root: &Node, cx: &mut Collector<'_>) -> Vec<(Spanned<String>, Node)> {
    let Some(node) = root.get("variants") else {
        return Vec::new();
    };
    if !matches!(node.kind, NodeKind::Mapping(_) | NodeKind::Null) {
        cx.error(
            node.span,
            format!("`variants` must be a mapping, found {}", node.describe()),
        )
        .help("each entry is `name: { ... }` with the differences from the document");
    }
    let mut variants = Vec::new();
    for entry in node.entries() {
        check_name(&entry.key.text, entry.key_span, "a variant", cx);
        match &entry.value.kind {
            NodeKind::Mapping(entries) => {
                refuse_global_keys(entries, cx);
            }
            NodeKind::Null => {}
            _ => {
                cx.error(
                    entry.value.span,
                    format!(
                        "a variant must be a mapping, found {}",
                        entry.value.describe()
                    ),
                )
                .help("write the differences from the document, or nothing");
                // The name is known, so that comparisons with it are not wrong too.
                let nothing = Node {
                    kind: NodeKind::Mapping(Vec::new()),
                    ..entry.value
                };
                let name = Spanned {
                    value: entry.key.text.clone(),
                    span: entry.key_span,
                };
                variants.push((name, nothing));
                continue;
            }
        }
        let name = Spanned {
            value: entry.key.text.clone(),
            span: entry.key_span,
        };
        let over = match entry.value.kind {
            NodeKind::Null => Node {
                kind: NodeKind::Mapping(Vec::new()),
                ..entry.value
            },
            _ => misspelt::names(root, &entry.value, cx),
        };
        variants.push((name, over));
    }
    variants
}

fn refuse_global_keys(entries: &[MappingEntry], cx: &mut Collector<'_>) {
    for entry in entries {
        if NOT_IN_A_VARIANT.contains(&entry.key.text.as_str()) {
            cx.error(
                entry.key_span,
                format!("{} belongs to the whole file", quoted(&entry.key.text)),
            )
            .label("not allowed in a variant")
            .help("move it to the top level, or move the variant to a file of its own");
        }
        if entry.key.text == "expect" && matches!(entry.value.kind, NodeKind::Null) {
            cx.error(
                entry.key_span,
                "a variant cannot drop the expectations of the scenario",
            )
            .label("a run without expectations passes, whatever happens")
            .help("its own are added; move those that do not hold for it into the other variants");
        }
    }
}

fn axes(root: &Node, set: &BTreeMap<String, String>, cx: &mut Collector<'_>) -> Vec<Axis> {
    let entries = root
        .get("matrix")
        .filter(|node| !matches!(node.kind, NodeKind::Null))
        .and_then(|node| Entries::<Spanned<OneOrMany<Text>>>::from_node(node, cx))
        .unwrap_or_default();
    let mut axes = Vec::new();
    for (name, values) in entries.0 {
        check_name(&name.value, name.span, "a parameter", cx);
        let Some(values) = values else { continue };
        if values.value.0.is_empty() {
            cx.error(
                values.span,
                format!("{} has no values", quoted(&name.value)),
            )
            .help("list at least one value; each makes one case");
            continue;
        }
        let values = match set.get(&name.value) {
            Some(value) => vec![value.clone()],
            None => values.value.0.into_iter().map(|value| value.0).collect(),
        };
        axes.push(Axis { name, values });
    }
    axes
}

/// Checks that everything set on the command line is a parameter of the document, of a variant
/// or of the matrix.
fn check_set(
    root: &Node,
    variants: &[(Spanned<String>, Node)],
    axes: &[Axis],
    set: &BTreeMap<String, String>,
    cx: &mut Collector<'_>,
) {
    let declared = std::iter::once(root)
        .chain(variants.iter().map(|(_, over)| over))
        .filter_map(|tree| tree.get("params"))
        .flat_map(Node::entries)
        .map(|entry| entry.key.text.as_str());
    let known: IndexSet<&str> = declared
        .chain(axes.iter().map(|axis| axis.name.value.as_str()))
        .collect();
    let at = root
        .get("params")
        .or_else(|| root.get("matrix"))
        .map_or(Span::default(), |node| node.head);
    for name in set.keys() {
        if !known.contains(name.as_str()) {
            let help = suggest::did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| "the scenario has no parameters".to_owned());
            cx.error(
                at,
                format!(
                    "`--set` names {}, which is not a parameter of this scenario",
                    quoted(name)
                ),
            )
            .help(help);
        }
    }
}

/// Turns expectations that YAML reads as mappings into text again: `- ab.stdout ~ /requests: 5/`
/// is one to YAML.
fn join_expectations(root: &mut Node, cx: &Collector<'_>) {
    let NodeKind::Mapping(entries) = &mut root.kind else {
        return;
    };
    for entry in entries {
        match entry.key.text.as_str() {
            "expect" | "compare" => join_list(&mut entry.value, cx),
            "variants" => {
                if let NodeKind::Mapping(variants) = &mut entry.value.kind {
                    for variant in variants {
                        join_expectations(&mut variant.value, cx);
                    }
                }
            }
            _ => {}
        }
    }
}

fn join_list(list: &mut Node, cx: &Collector<'_>) {
    if matches!(list.kind, NodeKind::Scalar(_)) {
        // A single expectation in place of a list.
        let only = list.clone();
        list.kind = NodeKind::List(vec![only]);
    }
    let NodeKind::List(items) = &mut list.kind else {
        return;
    };
    for item in items {
        let [entry] = item.entries() else { continue };
        let NodeKind::Scalar(value) = &entry.value.kind else {
            continue;
        };
        let span = Span::new(entry.key_span.start, entry.value.span.end);
        let text = cx.source.slice(span);
        if entry.key.plain && value.plain && !text.is_empty() && !text.contains('\n') {
            *item = Node {
                kind: NodeKind::Scalar(Scalar {
                    text: text.to_owned(),
                    pieces: vec![Piece {
                        at: 0,
                        source: span,
                        origin: Origin::Verbatim,
                    }],
                    plain: true,
                }),
                span,
                head: span,
            };
        }
    }
}
