//! Servers, clients, commands, steps, expectations.

use crate::scenario_meaning::*;
use nslab::scenario::expr::{ArithmeticOp, Claim, Expr, SeriesFunction, Tolerance, Window};
use nslab::scenario::workload::{Accept, Load, PortChoice, ServerClose, StepAction, StopHow};
use nslab::units::{ByteCount, Unit};
use std::time::Duration;

#[test]
fn every_load_model_and_way_of_accepting_is_read() {
    let run = &read("clients").runs[0];
    let accepts: Vec<&Accept> = run
        .workload
        .servers
        .iter()
        .map(|server| &server.accept)
        .collect();
    assert_eq!(
        accepts,
        [
            &Accept::Delay(Duration::from_millis(50)),
            &Accept::Pool { threads: 250 },
            &Accept::Select,
            &Accept::Poll,
            &Accept::Epoll
        ]
    );
    let closes: Vec<ServerClose> = run
        .workload
        .servers
        .iter()
        .map(|server| server.close)
        .collect();
    assert_eq!(closes[2..4], [ServerClose::AfterClient, ServerClose::Never]);
    let reset = client(run, "reset");
    assert_eq!(
        (reset.sources.len(), reset.start),
        (4, Duration::from_secs(5))
    );
    assert_eq!(reset.sources[0].to_string(), "10.128.0.1");
    assert_eq!(client(run, "served").sources[0].to_string(), "10.128.0.5");
    assert_eq!(
        node(run, "client")
            .source_prefix
            .map(|prefix| prefix.to_string()),
        Some("10.128.0.0/16".to_owned())
    );
    assert_eq!(client(run, "held").port, PortChoice::Sequential);
    assert_eq!(client(run, "served").port, PortChoice::Sequential);
    let Load::Connect { schedule, .. } = client(run, "ramp").load else {
        panic!()
    };
    assert_eq!(
        (
            schedule.from.as_per_second(),
            schedule.to.as_per_second(),
            schedule.count
        ),
        (100.0, 2000.0, 63_000)
    );
    assert!(matches!(
        client(run, "hold").load,
        Load::Hold { connections: 10_000, hold_for, .. } if hold_for == Duration::from_secs(30)
    ));
    assert!(matches!(
        client(run, "loop").load,
        Load::Loop {
            concurrency: 5,
            requests: 50_000,
            keep_alive: false,
            ..
        }
    ));
    assert!(client(run, "loop").exchange);
    assert!(matches!(
        client(run, "bulk").load,
        Load::Bulk {
            bytes: ByteCount(104_857_600),
            streams: 1,
            write: ByteCount(65_536),
            nodelay: false,
            ..
        }
    ));
}

#[test]
fn addresses_are_filled_into_commands_and_steps_are_in_order() {
    let run = &read("commands").runs[0];
    let [ab, shell, nginx, watch] = run.workload.commands.as_slice() else {
        panic!()
    };
    assert_eq!(
        ab.run,
        ["ab", "-c", "5", "-n", "50000", "http://10.0.0.2:80/"]
    );
    assert_eq!(
        (ab.timeout, shell.timeout, shell.start),
        (
            Duration::from_secs(90),
            Duration::from_secs(60),
            Duration::from_secs(1)
        )
    );
    assert_eq!(shell.run[2], "for i in $(seq 3); do nc $TARGET 80; done\n");
    assert_eq!(shell.env["TARGET"], "10.0.0.2");
    assert_eq!(shell.env["HOME_ADDRESS"], "10.0.0.1");
    assert_eq!(
        (shell.env["PORT"].as_str(), shell.env["PRICE"].as_str()),
        ("80", "$5")
    );
    assert_eq!((nginx.ready, nginx.background), (Some(8080), true));
    assert_eq!(nginx.run[2], "/dev/shm/nslab/nginx.conf");
    let files = nginx.files.as_ref().unwrap();
    assert_eq!(files["html/index.html"], "hello");
    assert_eq!(
        files["nginx.conf"],
        "listen 10.0.0.2:8080; root /dev/shm/nslab/html; # $uri 10.0.0.2\n"
    );
    assert_eq!((watch.ready, watch.background), (None, true));
    let load = client(run, "load");
    assert_eq!(load.target.to_string(), "10.0.0.2:8080");
    assert!(load.exchange);
    let Claim::Matches { regex, negated, .. } = &run.expect[1].claim else {
        panic!()
    };
    assert_eq!(
        (regex.as_str(), *negated),
        ("Complete requests: +50000", false)
    );
    let steps: Vec<(u64, &StepAction)> = run
        .workload
        .steps
        .iter()
        .map(|step| (step.at.as_secs(), &step.action))
        .collect();
    assert!(matches!(
        steps[0],
        (1, StepAction::LinkImpair { link: 0, .. })
    ));
    assert!(matches!(
        steps[1],
        (5, StepAction::LinkState { link: 0, up: false })
    ));
    assert!(matches!(
        steps[2],
        (8, StepAction::Sysctl { key, value, .. }) if key == "net.ipv4.tcp_fin_timeout" && value == "10"
    ));
    assert!(
        matches!(steps[3], (9, StepAction::Stop { actor, how: StopHow::Fin }) if actor.as_str() == "web")
    );
}

#[test]
fn expectations_are_typed() {
    let run = &read("clients").runs[0];
    let Claim::Compare { tolerance, .. } = &run.expect[0].claim else {
        panic!()
    };
    assert_eq!(tolerance, &Some(Tolerance::Relative(0.02)));
    assert_eq!(run.expect[1].window, Window::Always);
    let Claim::Compare { left, right, .. } = &run.expect[2].claim else {
        panic!()
    };
    assert!(matches!(
        left,
        Expr::Series { function: SeriesFunction::P99, metric } if metric.series.as_str() == "reset.latency"
    ));
    assert_eq!(
        right,
        &Expr::Number {
            value: 0.0005,
            unit: Unit::Seconds
        }
    );
    assert!(matches!(run.expect[3].claim, Claim::In { .. }));
    let Claim::Compare { right, .. } = &run.expect[4].claim else {
        panic!()
    };
    assert_eq!(
        right,
        &Expr::Number {
            value: 1_250_000.0,
            unit: Unit::BytesPerSecond
        }
    );
    assert_eq!(
        run.expect[5].window,
        Window::During(Duration::from_secs(1), Duration::from_secs(2))
    );
    assert_eq!(run.expect[7].window, Window::At(Duration::from_secs(30)));
    assert_eq!(run.watch_until, Duration::from_secs(30));
    let run = &read("matrix").runs[0];
    let Claim::Compare { right, .. } = &run.expect[0].claim else {
        panic!()
    };
    assert!(
        matches!(
            right,
            Expr::Binary {
                op: ArithmeticOp::Divide,
                ..
            }
        ),
        "{right:?}"
    );
}

#[test]
fn a_proxy_chooses_its_local_ports_as_a_client_does() {
    let forward = |written: &str| {
        let scenario = text(&format!(
            "nodes: {{ client: {{}}, mid: {{}}, server: {{}} }}\n\
             links: [ {{ between: [client, mid] }}, {{ between: [mid, server] }} ]\n\
             servers: {{ web: {{ node: server, port: 80 }}, lb: {{ node: mid, port: 80, forward: {written} }} }}\n\
             clients: {{ load: {{ node: client, to: lb, connect: {{ count: 1, rate: 1/s }} }} }}\n\
             expect: [ load.status.200 == 1 ]\n"
        ));
        let mut servers = scenario.runs[0].workload.servers.iter();
        let proxy = servers.find_map(|server| server.forward.clone()).unwrap();
        assert_eq!(proxy.to.unwrap().as_str(), "web");
        proxy.port
    };
    assert_eq!(forward("web"), PortChoice::Kernel);
    assert_eq!(forward("{ to: web }"), PortChoice::Kernel);
    assert_eq!(
        forward("{ to: web, port: sequential }"),
        PortChoice::Sequential
    );
    assert_eq!(forward("{ to: web, port: bind }"), PortChoice::Bind);
}

#[test]
fn a_plan_lists_what_runs_and_what_changes() {
    let lines: Vec<String> = [
        "clients",
        "connections",
        "udp",
        "flood",
        "commands",
        "steps",
        "faults",
    ]
    .iter()
    .flat_map(|name| {
        let plan = nslab::report::plan::of_run(&read(name).runs[0]);
        std::iter::once(format!("# {name}")).chain(plan)
    })
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
