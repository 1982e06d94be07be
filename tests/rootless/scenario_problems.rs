//! The messages for wrong scenario files: one file per class of mistake, with the rendered problems as snapshots.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nslab::scenario::{Problems, parse};

/// Reads a file in `tests/data/scenarios/bad` and returns its problems.
fn problems(name: &str) -> Problems {
    let label = format!("{name}.yaml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/scenarios/bad")
        .join(&label);
    let text = fs::read_to_string(path).unwrap();
    parse(&label, &text, &BTreeMap::new()).expect_err(name)
}

macro_rules! problems {
    ($($test:ident: $file:literal,)*) => {
        /// The files that have a test.
        const FILES: &[&str] = &[$($file),*];

        $(
            #[test]
            fn $test() {
                insta::assert_snapshot!($file, problems($file).render(false));
            }
        )*
    };
}

problems! {
    an_unknown_key_is_reported_with_a_suggestion: "unknown-key",
    an_unknown_name_is_reported_with_a_suggestion: "unknown-name",
    a_wrong_unit_is_distinguished_from_a_missing_one: "wrong-unit",
    a_rate_of_zero_is_refused: "zero",
    a_value_of_the_wrong_type_says_what_it_should_be: "wrong-type",
    duplicate_keys_are_shown_at_both_places: "duplicate",
    an_unreachable_target_is_found_before_anything_runs: "unreachable-target",
    an_unreadable_expectation_is_reported_with_the_expected_words: "expectation-syntax",
    units_of_an_expectation_are_compared_at_their_own_columns: "expectation-units",
    a_metric_that_does_not_exist_is_pointed_at_inside_its_line: "unknown-metric",
    udp_has_no_connections: "udp",
    exchanges_pools_and_options_are_checked: "connections",
    the_way_of_a_proxy_to_its_server_is_checked: "forward",
    loads_have_bounds: "out-of-bounds",
    servers_and_links_have_bounds: "out-of-bounds-server",
    an_alias_bomb_is_refused: "alias-bomb",
    depth_is_bounded: "depth-bomb",
    other_names_of_sections_are_the_only_problem: "first-tries",
    forms_of_other_tools_lead_to_those_of_the_format: "first-tries-nodes",
    expectations_of_a_first_try_are_corrected: "first-tries-expectations",
    steps_and_values_of_a_first_try_are_corrected: "first-tries-steps",
    names_that_change_nothing_are_found: "first-tries-variants",
    a_text_of_several_lines_must_be_indented: "yaml-text",
    an_anchor_comes_before_its_alias: "yaml-anchor",
    packets_with_several_segments_need_a_rate_alone: "link-tso",
    tabs_are_named: "yaml-tabs",
    a_quote_that_is_not_closed_is_found: "yaml-quote",
    semicolons_are_not_commas: "yaml-semicolon",
    items_and_entries_are_not_mixed: "yaml-mixed",
    words_of_other_programs_and_missing_keys_have_examples: "other-words",
    words_of_other_tools_for_networks_have_help: "network-words",
    a_title_with_a_colon_needs_quotes: "yaml-colon",
    parameters_with_braces_need_quotes_inside_braces: "yaml-braces",
    an_open_brace_is_found: "yaml-unclosed",
    a_file_holds_one_scenario: "two-documents",
    an_empty_file_is_not_a_scenario: "empty",
    a_text_is_not_a_scenario: "not-a-mapping",
    unknown_parameters_are_reported_at_their_use: "parameters",
    closing_options_do_not_contradict_each_other: "who-closes",
    a_client_has_exactly_one_load: "loads",
    a_problem_of_some_variants_names_them: "variants",
    comparisons_name_variants_and_expectations_do_not: "compare",
    a_comparison_needs_variants: "compare-without-variants",
    addresses_have_one_ip_version_and_names_are_well_formed: "ip-and-names",
    a_translation_needs_an_existing_target: "nat",
    rules_of_a_firewall_decide_one_thing: "firewall",
    what_starts_again_was_stopped_before: "steps",
    what_changes_or_decides_nothing_is_refused: "pointless",
    a_bookmark_has_a_time_a_note_and_an_attempt: "moments",
    an_island_cannot_be_reached: "no-way",
    a_problem_of_some_runs_names_them: "some-runs",
    an_unquoted_comparison_is_a_block_scalar_in_yaml: "yaml-greater",
    a_regular_expression_in_brackets_needs_quotes: "yaml-regex",
    settings_and_steps_are_checked: "sysctls-and-steps",
    exercises_and_their_rules_are_checked: "exercises",
    keys_and_values_of_settings_are_checked_by_the_catalogue: "sysctl-keys",
    netem_needs_an_impairment_and_cannot_change: "netem",
    faults_name_a_link_its_ends_and_an_effect: "faults",
    floods_come_from_an_end_of_the_network: "floods",
    a_claim_is_true_false_or_partly: "truth",
    truth_needs_a_claim: "truth-without-claim",
    a_proxy_does_not_forward_to_itself: "proxies",
    a_serving_command_needs_a_port_of_its_own: "serving",
    lessons_ask_questions_that_a_run_answers: "lessons",
    expectations_in_the_form_of_another_language_are_rewritten: "expectation-forms",
    a_colon_before_a_bracket_needs_a_space: "yaml-space-in-flow",
    a_colon_needs_a_space: "yaml-space",
    keys_without_a_space_or_a_colon_are_named: "yaml-space-keys",
    an_open_brace_is_shown_where_it_began: "yaml-unclosed-later",
    indentation_is_compared_with_the_lines_above: "yaml-indentation",
    a_line_is_not_deeper_than_a_complete_one: "yaml-deeper",
    a_missing_colon_is_named: "yaml-no-colon",
    a_missing_comma_is_named: "yaml-comma",
    a_bracket_that_closes_nothing_is_named: "yaml-stray",
    mappings_are_suggested_with_the_words_of_the_writer: "forms",
    values_are_suggested_with_the_words_of_the_writer: "forms-of-values",
    lists_of_names_become_mappings: "forms-of-lists",
    a_privilege_that_does_not_exist_is_reported: "privileges",
    a_rate_slower_than_any_run_is_refused: "slow-rates",
    control_characters_do_not_reach_the_terminal: "control-characters",
}

#[test]
fn every_file_of_mistakes_has_a_snapshot() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/scenarios/bad");
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(FILES.contains(&stem), "{stem} is not tested");
    }
}

#[test]
fn set_accepts_only_parameters() {
    let text = "params: { rate: 5/s }\nmatrix: { ports: [1] }\nnodes: {}\n";
    let set = [("raet", "6/s"), ("ports", "5")];
    let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let problems = parse("set.yaml", text, &set.into()).unwrap_err();
    insta::assert_snapshot!("set", problems.render(false));
}

#[test]
fn problems_are_plain_data() {
    let problems = problems("duplicate");
    let json = serde_json::to_value(&problems).unwrap();
    assert_eq!(json["problems"][0]["place"]["line"], 4);
    assert_eq!(json["problems"][0]["other"]["place"]["line"], 2);
    assert!(problems.to_string().starts_with("duplicate.yaml:4:3: "));
}

#[test]
fn colour_is_only_used_when_asked_for() {
    let problems = problems("zero");
    assert!(!problems.render(false).contains('\x1b'));
    assert!(problems.render(true).contains('\x1b'));
}

#[test]
fn bombs_are_refused_quickly() {
    let started = Instant::now();
    let bombs = [
        "[".repeat(500_000),
        "{a: ".repeat(100_000),
        "- ".repeat(300_000),
        "? ".repeat(300_000),
        format!("nodes: {{ a: &a {{ x: {} }} }}", "\"y\", ".repeat(100_000)),
        "a: 1\n".repeat(200_000),
        "x".repeat(2_000_000),
        format!("nodes: {{}}\nexpect:\n{}", "  - a.b = 5\n".repeat(50_000)),
        format!(
            "params: {{ p: {} }}\nnodes: {{}}\nexpect: [ {} ]",
            "v".repeat(500_000),
            "$p ".repeat(100_000)
        ),
        format!(
            "matrix: {{ a: [{0}], b: [{0}], c: [{0}], d: [{0}] }}\nnodes: {{}}",
            "1, ".repeat(1000)
        ),
    ];
    for bomb in &bombs {
        let problems = parse("bomb.yaml", bomb, &BTreeMap::new()).unwrap_err();
        assert!(problems.render(false).len() < 1_000_000, "{}", &bomb[..40]);
    }
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
}
