//! Tests of the choice of scenarios.

use std::collections::BTreeMap;

use super::*;

fn scenario(exercises: &str, variants: &str) -> Scenario {
    let text = format!(
        "{exercises}\nnodes:\n\
         \x20 client: {{ sysctls: {{ net.ipv4.ip_local_port_range: 20000 20999 }} }}\n\
         \x20 server: {{}}\n\
         links: [ {{ between: [client, server] }} ]\n{variants}\n"
    );
    crate::scenario::parse("a.yaml", &text, &BTreeMap::new())
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

const REUSE: &str =
    "variants: { off: {}, on: { nodes: { client: { sysctls: { net.ipv4.tcp_tw_reuse: 1 } } } } }";

fn none() -> BTreeMap<String, String> {
    BTreeMap::new()
}

fn assigned(pairs: &[(&str, &str)]) -> Vec<Assignment> {
    let each = pairs
        .iter()
        .enumerate()
        .map(|(line, (key, value))| Assignment {
            line,
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            against: "0".to_owned(),
            ignored: false,
        });
    each.collect()
}

fn shown(planned: &PlannedComparison) -> String {
    let Question {
        variant,
        without,
        sides,
        ..
    } = &planned.question;
    let with: Vec<String> = sides[1].iter().map(ToString::to_string).collect();
    format!(
        "{:?} {} without {} with {} fixed {}",
        planned.lines,
        variant.as_deref().unwrap_or("-"),
        without.join(","),
        with.join(","),
        planned.fixed.join(",")
    )
}

#[test]
fn a_key_that_only_some_variants_set_is_run_in_a_variant_that_does_not() {
    let lines = assigned(&[("net.ipv4.tcp_tw_reuse", "1"), ("net.core.somaxconn", "5")]);
    let plan = plan(&lines, &[], &[scenario("", REUSE)], &none());
    let shown: Vec<String> = plan.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "[0] off without net.ipv4.tcp_tw_reuse with net.ipv4.tcp_tw_reuse=1 fixed ",
            "[0, 1] off without net.ipv4.tcp_tw_reuse \
             with net.ipv4.tcp_tw_reuse=1,net.core.somaxconn=5 fixed ",
        ]
    );
}

#[test]
fn declared_exercises_are_used_and_keys_of_the_scenario_are_kept() {
    let lines = assigned(&[
        ("net.ipv4.tcp_fin_timeout", "15"),
        ("net.ipv4.tcp_tw_reuse", "1"),
        ("net.ipv4.ip_local_port_range", "1024 65000"),
    ]);
    let scenario = scenario("exercises: { on: [net.ipv4.tcp_fin_timeout] }", REUSE);
    let plan = plan(&lines, &[], &[scenario], &none());
    let shown: Vec<String> = plan.iter().map(shown).collect();
    assert_eq!(
        shown,
        ["[0] on without net.ipv4.tcp_fin_timeout with net.ipv4.tcp_fin_timeout=15 fixed ",],
        "the variant sets the other keys, so there is nothing to combine with"
    );
}

#[test]
fn a_value_that_takes_effect_after_the_end_of_a_scenario_is_not_run() {
    let scenario = scenario(
        "exercises: { off: [net.ipv4.tcp_fin_timeout <= 35, net.ipv4.tcp_tw_reuse] }",
        REUSE,
    );
    let lines = assigned(&[
        ("net.ipv4.tcp_fin_timeout", "36"),
        ("net.ipv4.tcp_fin_timeout", "35"),
        ("net.ipv4.tcp_tw_reuse", "99"),
    ]);
    let scenarios = [scenario];
    let alone: Vec<Vec<usize>> = plan(&lines, &[], &scenarios, &none())
        .into_iter()
        .map(|planned| planned.lines)
        .filter(|lines| lines.len() == 1)
        .collect();
    assert_eq!(alone, [[1], [2]]);
    let short = TooShort {
        needs: None,
        line: 0,
        scenario: 0,
        at_most: 35,
    };
    assert_eq!(too_short(&lines, &scenarios), [short]);
}

#[test]
fn modes_of_the_user_hold_on_both_sides() {
    let text = "
exercises: { small: [net.ipv4.tcp_max_syn_backlog], cookies: [net.ipv4.tcp_syncookies] }
nodes: { server: { sysctls: { net.ipv4.tcp_syncookies: 0, net.ipv4.tcp_max_syn_backlog: 64 } } }
variants: { small: {}, cookies: {} }
";
    let scenario = crate::scenario::parse("a.yaml", text, &BTreeMap::new()).unwrap();
    let condition = |key: &str, value: &str, unlike_labs| Condition {
        key: key.to_owned(),
        value: value.to_owned(),
        unlike_labs,
        line: None,
    };
    let conditions = [
        condition("net.ipv4.tcp_syncookies", "1", false),
        condition("net.ipv4.tcp_sack", "0", true),
        condition("net.ipv4.tcp_timestamps", "1", false),
    ];
    let lines = [
        ("net.ipv4.tcp_max_syn_backlog", "8192"),
        ("net.ipv4.tcp_syncookies", "2"),
    ];
    let plan = plan(&assigned(&lines), &conditions, &[scenario], &none());
    let sides = |planned: &PlannedComparison| -> Vec<String> {
        let side = |side: &Vec<SetOption>| {
            let shown: Vec<String> = side
                .iter()
                .map(|each| each.to_string().replace("net.ipv4.", ""))
                .collect();
            shown.join(" ")
        };
        planned.question.sides.iter().map(side).collect()
    };
    let of = |lines: &[usize]| plan.iter().find(|planned| planned.lines == lines).unwrap();
    assert_eq!(
        sides(of(&[0])),
        [
            "tcp_sack=0 tcp_syncookies=1 tcp_max_syn_backlog=0",
            "tcp_sack=0 tcp_syncookies=1 tcp_max_syn_backlog=8192"
        ],
        "the scenario switches cookies off, the user has them; nothing is said of timestamps"
    );
    assert_eq!(
        sides(of(&[1])),
        ["tcp_sack=0 tcp_syncookies=0", "tcp_sack=0 tcp_syncookies=2"],
        "the key under trial is not a condition"
    );
}

/// A reader must see under which modes a result holds, whoever chose them.
#[test]
fn modes_that_the_scenario_sets_or_labs_lack_are_part_of_the_condition() {
    let text = "
exercises: { small: [net.ipv4.tcp_max_syn_backlog] }
nodes: { server: { sysctls: { net.ipv4.tcp_syncookies: 0 } } }
variants: { small: {} }
";
    let scenario = crate::scenario::parse("a.yaml", text, &BTreeMap::new()).unwrap();
    let condition = |key: &str, value: &str, unlike_labs, line| Condition {
        key: key.to_owned(),
        value: value.to_owned(),
        unlike_labs,
        line,
    };
    let conditions = [
        condition("net.ipv4.tcp_syncookies", "0", false, None),
        condition("net.ipv4.tcp_sack", "1", false, None),
        condition("net.ipv4.tcp_congestion_control", "bbr", true, None),
        condition("net.ipv4.icmp_echo_ignore_all", "1", true, Some(7)),
        condition("net.ipv4.tcp_timestamps", "1", false, Some(8)),
    ];
    let lines = assigned(&[("net.ipv4.tcp_max_syn_backlog", "8192")]);
    let plan = plan(&lines, &conditions, &[scenario], &none());
    let held = plan[0].conditions.iter().map(ToString::to_string);
    let named = [
        "net.ipv4.tcp_syncookies=0",
        "net.ipv4.tcp_congestion_control=bbr",
    ];
    assert_eq!(Vec::from_iter(held), named);
    assert_eq!(plan[0].beside, [7]);
}

/// The kernel of a virtual machine loads the module only for a lab that tracks.
#[test]
fn settings_of_connection_tracking_are_left_out_of_labs_that_do_not_track() {
    let lines = assigned(&[
        ("net.ipv4.tcp_max_syn_backlog", "8192"),
        ("net.ipv4.tcp_sack", "0"),
        ("net.netfilter.nf_conntrack_max", "5000"),
        ("net.nf_conntrack_max", "5000"),
    ]);
    let together = |node: &str| -> Vec<usize> {
        let text = format!(
            "exercises: [net.ipv4.tcp_max_syn_backlog]\nnodes: {{ server: {{ {node} }} }}\n"
        );
        let scenario = crate::scenario::parse("a.yaml", &text, &BTreeMap::new()).unwrap();
        let plan = plan(&lines, &[], &[scenario], &none());
        plan.last().unwrap().lines.clone()
    };
    assert_eq!(together(""), [0, 1]);
    assert_eq!(together("conntrack: { track: true }"), [0, 1, 2, 3]);
}

/// The kernel refuses a high threshold below the low one, even if it does nothing with the low one.
#[test]
fn a_line_that_is_ignored_is_tried_together_with_others_but_not_alone() {
    let mut lines = assigned(&[
        ("net.ipv4.ipfrag_low_thresh", "196608"),
        ("net.ipv4.ipfrag_high_thresh", "262144"),
        ("net.core.somaxconn", "8192"),
    ]);
    lines[0].ignored = true;
    let text = "exercises: [net.ipv4.ipfrag_low_thresh, net.core.somaxconn]\nnodes: { a: {} }\n";
    let scenario = crate::scenario::parse("a.yaml", text, &BTreeMap::new()).unwrap();
    let of = |lines: &[Assignment]| -> Vec<Vec<usize>> {
        let plan = plan(lines, &[], std::slice::from_ref(&scenario), &none());
        plan.iter().map(|each| each.lines.clone()).collect()
    };
    assert_eq!(of(&lines), [vec![2], vec![1, 2]]);
    let together = plan(&lines, &[], std::slice::from_ref(&scenario), &none());
    let sides = &together[1].question.sides;
    let of_file: Vec<String> = sides[1].iter().map(ToString::to_string).collect();
    assert_eq!(
        of_file,
        [
            "net.ipv4.ipfrag_low_thresh=196608",
            "net.ipv4.ipfrag_high_thresh=262144",
            "net.core.somaxconn=8192",
        ],
        "in the order of the file"
    );
    assert_eq!(of(&[lines[0].clone(), lines[2].clone()]), [vec![2]]);
}

#[test]
fn modes_of_connection_tracking_do_not_hold_in_labs_that_do_not_track() {
    let text = "exercises: [net.core.somaxconn]\n\
                nodes: { a: {}, b: {} }\n\
                links: [ { between: [a, b] } ]\n";
    let tracks = text.replace("a: {}", "a: { conntrack: { track: true } }");
    let parse = |text: &str| crate::scenario::parse("a.yaml", text, &BTreeMap::new()).unwrap();
    let of_file = Condition {
        key: "net.netfilter.nf_conntrack_tcp_loose".to_owned(),
        value: "0".to_owned(),
        unlike_labs: true,
        line: None,
    };
    let lines = assigned(&[("net.core.somaxconn", "5")]);
    let settings = |text: &str| {
        let plan = plan(
            &lines,
            std::slice::from_ref(&of_file),
            &[parse(text)],
            &none(),
        );
        plan[0].question.sides[1].len()
    };
    assert_eq!([settings(text), settings(&tracks)], [1, 2]);
}

/// A peer is gone after the time and one interval: a reference's interval would be longer than the run.
#[test]
fn a_bounded_value_is_tried_with_the_scenarios_own_values_of_the_others() {
    let [time, interval] = ["time", "intvl"].map(|name| format!("net.ipv4.tcp_keepalive_{name}"));
    let plan_with = |bound: &str| {
        let text = format!(
            "exercises: [ {{ key: {time}{bound} }}, {{ key: {interval}{bound} }} ]\n\
             nodes: {{ a: {{ sysctls: {{ {time}: 4, {interval}: 15 }} }}, b: {{}} }}\n\
             links: [ {{ between: [a, b] }} ]\n"
        );
        let scenario = crate::scenario::parse("a.yaml", &text, &BTreeMap::new()).unwrap();
        let lines = assigned(&[(&time, "30"), (&interval, "20")]);
        let plan = plan(&lines, &[], &[scenario], &none());
        let of_time = plan.iter().find(|each| each.lines == [0]).unwrap();
        let settings = of_time.question.sides[1].len();
        (settings, of_time.question.without.len())
    };
    assert_eq!(plan_with(", at-most: 50"), (1, 1));
    assert_eq!(plan_with(""), (2, 2), "every line has the same other side");
}

#[test]
fn a_key_that_no_scenario_shows_is_not_run() {
    let lines = assigned(&[("net.ipv4.ip_local_port_range", "1024 65000")]);
    assert!(
        plan(&lines, &[], &[scenario("", REUSE)], &none()).is_empty(),
        "all variants set it"
    );
    let named = "exercises: { nope: [net.ipv4.tcp_fin_timeout] }";
    let text = format!("{named}\nnodes: {{ a: {{}} }}\nvariants: {{ x: {{}} }}\n");
    let problems = crate::scenario::parse("a.yaml", &text, &BTreeMap::new()).unwrap_err();
    assert!(problems.render(false).contains("`nope` is not a variant"));
}

/// Without IPv6, a lab that uses it cannot be built, and the rest of the file would have no answer.
#[test]
fn lines_that_switch_ipv6_off_are_left_out_of_labs_that_use_it() {
    let text = "\
ip: 6
exercises: [net.ipv4.tcp_tw_reuse]
nodes: { a: {}, b: {} }
links: [ { between: [a, b] } ]
";
    let parse = |text: &str| crate::scenario::parse("a.yaml", text, &BTreeMap::new()).unwrap();
    let off = "net.ipv6.conf.all.disable_ipv6";
    let lines = assigned(&[
        ("net.ipv4.tcp_tw_reuse", "1"),
        ("net.core.somaxconn", "5"),
        (off, "1"),
    ]);
    let fixed = |text: &str| {
        let plan = plan(&lines, &[], &[parse(text)], &none());
        let whole = plan.into_iter().find(|each| each.keys.len() > 1);
        whole.map(|each| each.fixed)
    };
    assert_eq!(fixed(text), Some(vec![off.to_owned()]));
    assert_eq!(fixed(&text.replace("ip: 6\n", "")), Some(Vec::new()));
    // A scenario about the key itself takes the value of the line.
    let about_it = text.replace("tcp_tw_reuse]", &format!("tcp_tw_reuse, {off}]"));
    assert_eq!(fixed(&about_it), Some(Vec::new()));
}
