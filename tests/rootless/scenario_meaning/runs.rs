//! The runs that a file describes, and the parts that belong to the whole file.

use crate::scenario_meaning::*;
use nslab::scenario::expr::{Claim, Expr, Window};
use nslab::scenario::workload::{Accept, ClientClose, Load, ServerClose};
use nslab::scenario::{RunSpec, parse, schema};
use nslab::units::ByteCount;
use std::fs;
use std::time::Duration;

#[test]
fn the_first_example_means_what_it_says() {
    let scenario = read("accept-queue-overflow");
    assert_eq!(scenario.name, "accept-queue-overflow");
    assert_eq!(
        scenario.title,
        "A listener that never accepts fills its queue"
    );
    assert_eq!(scenario.source, ["listen(2)"]);
    assert_eq!(
        scenario.lesson.as_deref(),
        Some("A lesson for $5, in *markdown*.\n")
    );
    let [run] = scenario.runs.as_slice() else {
        panic!("one run")
    };
    assert_eq!(addresses(node(run, "client")), ["eth0 10.0.0.1/24"]);
    assert_eq!(addresses(node(run, "server")), ["eth0 10.0.0.2/24"]);
    assert!(routes(node(run, "client")).is_empty() && !node(run, "server").forwards);
    let sysctl = &node(run, "server").sysctls[0];
    assert_eq!(
        (sysctl.key.as_str(), sysctl.value.as_str()),
        ("net.ipv4.tcp_syncookies", "0")
    );
    assert_eq!(sysctl.place.to_string(), "13:24");
    let server = &run.workload.servers[0];
    assert_eq!(
        (server.port, server.backlog, &server.accept),
        (80, 8, &Accept::Never)
    );
    assert_eq!(
        (server.close, server.reply, server.keep_alive),
        (
            ServerClose::AsRequested,
            ByteCount(0),
            Duration::from_secs(5)
        )
    );
    let burst = client(run, "burst");
    assert_eq!(burst.target.to_string(), "10.0.0.2:80");
    assert_eq!(burst.to.as_ref().map(|to| to.as_str()), Some("web"));
    assert!(!burst.exchange && burst.sources.is_empty());
    let Load::Connect {
        schedule,
        timeout,
        close,
    } = &burst.load
    else {
        panic!("{:?}", burst.load)
    };
    assert_eq!(
        (schedule.count, *timeout, *close),
        (20, Duration::from_secs(1), ClientClose::Client)
    );
    assert_eq!(run.expect[1].window, Window::Within(Duration::from_secs(2)));
    assert_eq!(run.expect[1].place.to_string(), "22:5");
    assert_eq!(run.watch_until, Duration::from_secs(2));
    assert_eq!(
        (run.sample_every, run.seed),
        (Duration::from_millis(100), 1)
    );
    // A minute, and twice one second of load with one second of timeout.
    assert_eq!(run.timeout, Duration::from_secs(64));
}

#[test]
fn variants_and_matrix_make_runs_in_the_order_of_the_file() {
    let scenario = read("variants");
    let ids: Vec<String> = scenario.runs.iter().map(|run| run.id.to_string()).collect();
    assert_eq!(
        ids,
        [
            "variants / default [time=15s]",
            "variants / reuse [time=15s]",
            "variants / default [time=20s]",
            "variants / reuse [time=20s]",
        ]
    );
    let reuse = &scenario.runs[1];
    let keys: Vec<&str> = node(reuse, "client")
        .sysctls
        .iter()
        .map(|sysctl| sysctl.key.as_str())
        .collect();
    assert_eq!(
        keys,
        ["net.ipv4.ip_local_port_range", "net.ipv4.tcp_tw_reuse"]
    );
    let expectations: Vec<&str> = reuse
        .expect
        .iter()
        .map(|expectation| expectation.text.as_str())
        .collect();
    assert_eq!(
        expectations,
        [
            "load.attempted == 1000 * 1.5 ± 40%",
            "load.established <= 1000",
            "load.errors.EADDRNOTAVAIL == 0"
        ]
    );
    assert_eq!(reuse.params["time"], "15s");
    assert_eq!(node(&scenario.runs[0], "client").sysctls.len(), 1);
    let Claim::Compare {
        left: Expr::Metric(left),
        ..
    } = &scenario.compare[0].claim
    else {
        panic!()
    };
    assert_eq!(
        (left.variant.as_deref(), left.series.as_str()),
        (Some("reuse"), "load.established")
    );
}

#[test]
fn set_changes_a_parameter_and_replaces_an_axis_of_the_matrix() {
    let scenario = read_with("variants", &[("ports", "500"), ("time", "3s")]);
    assert_eq!(scenario.runs.len(), 2);
    let run = &scenario.runs[0];
    assert_eq!(run.id.case, [("time".to_owned(), "3s".to_owned())]);
    assert_eq!(run.expect[1].text, "load.established <= 500");
    let Load::Connect { schedule, .. } = client(run, "load").load else {
        panic!()
    };
    assert_eq!(schedule.count, 300);
}

#[test]
fn a_single_expectation_needs_no_list_and_a_scenario_no_name() {
    let scenario = text("nodes: { a: }\nexpect: kernel.log ~ /x/ never\n");
    assert_eq!(
        (scenario.name.as_str(), scenario.title.as_str()),
        ("test", "test")
    );
    assert_eq!(scenario.runs[0].expect[0].window, Window::Never);
}

#[test]
fn a_variant_may_change_a_parameter_and_the_command_line_wins() {
    let file = "params: { n: 1 }\nnodes: { a: }\n\
                variants: { one: , two: { params: { n: 2 } } }\nexpect: [ a.tcp.LISTEN == $n ]\n";
    let texts = |set: &[(&str, &str)]| -> Vec<String> {
        let set = set
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        parse("v.yaml", file, &set)
            .unwrap()
            .runs
            .iter()
            .map(|run| run.expect[0].text.clone())
            .collect()
    };
    assert_eq!(texts(&[]), ["a.tcp.LISTEN == 1", "a.tcp.LISTEN == 2"]);
    assert_eq!(
        texts(&[("n", "3")]),
        ["a.tcp.LISTEN == 3", "a.tcp.LISTEN == 3"]
    );
}

#[test]
fn every_good_file_survives_json_and_parsing_twice() {
    let mut files = 0;
    for file in fs::read_dir(good("x").parent().unwrap()).unwrap() {
        let name = file
            .unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let scenario = read(&name);
        assert_eq!(scenario, read(&name), "{name}");
        for run in &scenario.runs {
            let json = serde_json::to_string(run).unwrap();
            assert_eq!(
                &serde_json::from_str::<RunSpec>(&json).unwrap(),
                run,
                "{name}"
            );
        }
        files += 1;
    }
    assert!(files >= 8, "{files}");
}

#[test]
fn the_schema_is_a_draft_2020_12_one_with_documentation() {
    let schema = schema();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["nodes"]));
    let backlog = schema["$defs"]["ServerDoc"]["properties"]["backlog"]["description"]
        .as_str()
        .unwrap();
    assert!(backlog.contains("listen(2)"), "{backlog}");
    assert!(schema["$defs"]["Variant"].get("required").is_none());
    assert!(schema["$defs"]["Variant"]["properties"]["clients"].is_object());
    assert!(
        schema["$defs"]["PartialConnectDoc"]
            .get("required")
            .is_none()
    );
    // Every reference leads somewhere.
    let text = schema.to_string();
    for reference in text.split("\"#/$defs/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schema["$defs"][name].is_object(), "{name}");
    }
}

#[test]
fn bookmarks_are_in_the_order_of_time() {
    let scenario = read("steps");
    let moments = scenario.runs[0].moments.iter();
    let moments: Vec<_> = moments
        .map(|moment| (moment.at.as_secs(), moment.note.as_str()))
        .collect();
    let expected = [
        (1, "connections are refused"),
        (4, "nobody receives anything"),
    ];
    assert_eq!(moments, expected);
}

#[test]
fn many_nodes_have_more_time_to_be_set_up() {
    let with = |nodes: usize| {
        let names: Vec<String> = (0..nodes).map(|node| format!("n{node}: {{}}")).collect();
        text(&format!("nodes: {{ {} }}\nexpect: []\n", names.join(", "))).runs[0].timeout
    };
    assert_eq!(with(100), Duration::from_secs(60));
    assert_eq!(with(1100), Duration::from_secs(100));
}
