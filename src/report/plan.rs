//! The plan of a run, but for its lab: servers, clients, programs, and the steps that change them or the lab.

use std::time::Duration;

use super::one_line;
use super::programs;
use crate::scenario::RunSpec;
use crate::scenario::network_text::nat_text;
use crate::scenario::topology::{LinkSpec, NodeSpec, Topology};
use crate::scenario::workload::{
    Accept, Answer, ClientClose, ClientSpec, ConnectionPool, ExchangeStep, Load, OptionValue,
    PoolOrder, PortChoice, Protocol, QuerySockets, Schedule, ServerClose, ServerSpec, SocketOption,
    StepAction, StopHow,
};
use crate::units::{Unit, format_seconds, show};

/// Returns a line for each server, client, program, step and bookmark, without a line end.
pub fn of_run(run: &RunSpec) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(run.workload.servers.iter().map(server));
    lines.extend(run.workload.clients.iter().map(client));
    lines.extend(programs::of_run(run).iter().map(|line| one_line(line)));
    lines.extend(run.workload.steps.iter().map(|step| {
        let action = action(&step.action, &run.topology);
        format!("at {}: {action}", format_seconds(step.at))
    }));
    lines.extend(run.moments.iter().map(|moment| {
        let connection = moment.connection.as_ref();
        let connection = connection.map(|it| format!(", {}", one_line(it)));
        let (at, note) = (format_seconds(moment.at), one_line(&moment.note));
        format!("bookmark {at}{}: {note}", connection.unwrap_or_default())
    }));
    lines
}

fn server(server: &ServerSpec) -> String {
    let mut parts = vec![format!("on {}, port {}", server.node, server.port)];
    let mut add = |part: String| parts.push(part);
    match server.protocol {
        Protocol::Udp => add("UDP".to_owned()),
        Protocol::Tcp => {
            add(format!("backlog {}", server.backlog));
            add(accept(&server.accept));
        }
    }
    match (&server.forward, server.answer) {
        (Some(forward), _) => {
            let to = forward.to.as_ref().map(|name| format!("{name} at "));
            let to = to.unwrap_or_default();
            add(format!("forwards to {to}{}", forward.target));
            port(forward.port).map(&mut add);
        }
        (None, Answer::Echo) => add("echoes".to_owned()),
        (None, Answer::Never) => add("never answers".to_owned()),
        (None, Answer::Bytes) => add(format!("replies of {}", bytes(server.reply.0))),
    }
    if let Some(idle) = &server.pool {
        add(pool(idle));
    }
    if !server.reply_pace.after.is_zero() {
        add(format!("each after {}", time(server.reply_pace.after)));
    }
    if let Some(rate) = server.reply_pace.rate {
        add(format!("at {} bit/s", rate.as_per_second()));
    }
    match server.close {
        ServerClose::AsRequested => {}
        ServerClose::First => add("closes first".to_owned()),
        ServerClose::AfterClient => add("closes after the client".to_owned()),
        ServerClose::Never => add("never closes".to_owned()),
    }
    if server.protocol == Protocol::Tcp {
        add(format!("keep-alive {}", time(server.keep_alive)));
    }
    options(server.so_keepalive, &server.options).map(&mut add);
    if !server.start.is_zero() {
        add(format!("starts at {}", time(server.start)));
    }
    format!("server {}: {}", server.name, parts.join(", "))
}

/// Returns the way in which a server takes connections.
pub(super) fn accept(accept: &Accept) -> String {
    match accept {
        Accept::Epoll => "epoll".to_owned(),
        Accept::Never => "never accepts".to_owned(),
        Accept::Delay(delay) => format!("accepts each {}", show::seconds(delay.as_secs_f64())),
        Accept::Pool { threads } => format!("{threads} threads"),
        Accept::Select => "select".to_owned(),
        Accept::Poll => "poll".to_owned(),
        Accept::UntilEmfile => "accepts until EMFILE".to_owned(),
    }
}

fn client(client: &ClientSpec) -> String {
    let to = client.to.as_ref().map(|name| format!("{name} at "));
    let to = to.unwrap_or_default();
    let mut parts = vec![format!("on {}, to {to}{}", client.node, client.target)];
    parts.extend(load(&client.load));
    match client.sources.as_slice() {
        [] => {}
        [one] => parts.push(format!("from {one}")),
        [first, .., last] => {
            let count = client.sources.len();
            parts.push(format!("from {count} addresses, {first} to {last}"));
        }
    }
    parts.extend(port(client.port));
    parts.extend(options(client.so_keepalive, &client.options));
    if !client.start.is_zero() {
        parts.push(format!("starts at {}", time(client.start)));
    }
    format!("client {}: {}", client.name, parts.join(", "))
}

fn load(load: &Load) -> Vec<String> {
    let timeout = |of: &Duration| format!("timeout {}", time(*of));
    match load {
        Load::Connect {
            schedule,
            timeout: longest,
            close,
        } => {
            let close = match close {
                ClientClose::Client => "closes first",
                ClientClose::Server => "the server closes first",
                ClientClose::Reset => "closes with RST",
                ClientClose::Hold => "never closes",
            };
            vec![
                paced(schedule, "connection"),
                close.to_owned(),
                timeout(longest),
            ]
        }
        Load::Hold {
            connections,
            rate,
            hold_for,
            timeout: longest,
        } => vec![
            format!(
                "{} at {}/s",
                show::counted(*connections, "connection"),
                rate.as_per_second()
            ),
            format!("held for {}", time(*hold_for)),
            timeout(longest),
        ],
        Load::Loop {
            concurrency,
            requests,
            keep_alive,
            think,
            timeout: longest,
        } => {
            let connections = match keep_alive {
                true => "over kept connections",
                false => "a connection each",
            };
            let think = (!think.is_zero()).then(|| format!("{} between them", time(*think)));
            let mut parts = vec![
                format!(
                    "{}, {concurrency} at a time",
                    show::counted(*requests, "request")
                ),
                connections.to_owned(),
            ];
            parts.extend(think);
            parts.push(timeout(longest));
            parts
        }
        Load::Requests {
            schedule,
            timeout: longest,
            pool: idle,
        } => vec![paced(schedule, "request"), pool(idle), timeout(longest)],
        Load::Exchange {
            steps,
            connections,
            timeout: longest,
        } => {
            let steps: Vec<String> = steps.iter().map(exchange_step).collect();
            vec![
                format!(
                    "{}, each: {}",
                    show::counted(*connections, "connection"),
                    steps.join("; ")
                ),
                timeout(longest),
            ]
        }
        Load::Queries(queries) => {
            let sockets = match queries.sockets {
                QuerySockets::One => "one socket",
                QuerySockets::Each => "a socket each",
            };
            let threads = if queries.threads { " by threads" } else { "" };
            vec![
                paced(&queries.schedule, "lookup"),
                format!(
                    "{} per lookup{threads}, {} each",
                    queries.at_once,
                    bytes(queries.bytes.into())
                ),
                sockets.to_owned(),
                format!("{}, {} retries", timeout(&queries.timeout), queries.retries),
            ]
        }
        Load::Flood {
            schedule,
            first,
            sources,
        } => vec![
            paced(schedule, "SYN"),
            format!("from {sources} forged addresses from {first} on"),
        ],
        Load::Bulk {
            bytes: amount,
            streams,
            write,
            nodelay,
            timeout: longest,
        } => {
            let nodelay = if *nodelay { ", TCP_NODELAY" } else { "" };
            vec![
                format!(
                    "{} of {}",
                    show::counted(*streams, "stream"),
                    bytes(amount.0)
                ),
                format!("writes of {}{nodelay}", bytes(write.0)),
                timeout(longest),
            ]
        }
    }
}

fn exchange_step(step: &ExchangeStep) -> String {
    match step {
        ExchangeStep::Send(amount) => format!("send {}", bytes(amount.0)),
        ExchangeStep::Reply { timeout } => format!("reply within {}", time(*timeout)),
        ExchangeStep::Pause(pause) => format!("pause {}", time(*pause)),
    }
}

fn action(action: &StepAction, topology: &Topology) -> String {
    let between = |link: usize| {
        let between = topology
            .links
            .get(link)
            .map(|LinkSpec { between, .. }| between);
        between.map_or_else(String::new, |[a, b]| format!("link {a} -- {b}"))
    };
    match action {
        StepAction::LinkState { link, up } => {
            format!("{} {}", between(*link), if *up { "up" } else { "down" })
        }
        StepAction::LinkImpair { link, impairment } => match impairment.to_string() {
            clear if clear.is_empty() => format!("{} without impairment", between(*link)),
            impaired => format!("{}, {impaired}", between(*link)),
        },
        StepAction::Sysctl { node, key, value } => format!("sysctl {node}: {key} = {value}"),
        StepAction::Stop { actor, how } => {
            let how = match how {
                StopHow::Fin => "",
                StopHow::Reset => ", with RST",
                StopHow::Vanish => ", unseen by its peers",
            };
            format!("stop {actor}{how}")
        }
        StepAction::Start { actor } => format!("start {actor}"),
        StepAction::Vanish { node } => format!("{node} vanishes"),
        StepAction::PowerOff { node } => format!("{node} loses power"),
        StepAction::PowerOn { node } => format!("{node} has power again"),
        StepAction::FlushConntrack { node } => format!("conntrack {node}: flush"),
        StepAction::Dnat { node, nat } => {
            let own = topology.nodes.get(node);
            let own = own.map(NodeSpec::own_addresses).unwrap_or_default();
            let rules: Vec<String> = nat.iter().map(|nat| nat_text(nat, &own)).collect();
            format!("rules {node}: {}", rules.join("; "))
        }
    }
}

fn paced(schedule: &Schedule, noun: &str) -> String {
    let (from, to) = (schedule.from.as_per_second(), schedule.to.as_per_second());
    let counted = show::counted(schedule.count, noun);
    match from == to {
        true => format!("{counted} at {from}/s"),
        false => format!("{counted} at {from} to {to}/s"),
    }
}

fn pool(pool: &ConnectionPool) -> String {
    let order = match pool.order {
        PoolOrder::Lifo => "",
        PoolOrder::Fifo => ", fifo",
    };
    let check = if pool.check { "" } else { ", unchecked" };
    format!(
        "pool of {}, idle {}{order}{check}",
        pool.size,
        time(pool.idle)
    )
}

fn port(choice: PortChoice) -> Option<String> {
    match choice {
        PortChoice::Kernel => None,
        PortChoice::Sequential => Some("ports in turn".to_owned()),
        PortChoice::Bind => Some("ports by bind(2)".to_owned()),
    }
}

fn options(so_keepalive: bool, options: &[SocketOption]) -> Option<String> {
    let keepalive = so_keepalive.then(|| "SO_KEEPALIVE".to_owned());
    let others = options.iter().map(|option| match &option.value {
        OptionValue::Number(number) => format!("{}={number}", option.name),
        OptionValue::Text(text) => format!("{}={}", option.name, one_line(text)),
    });
    let all: Vec<String> = keepalive.into_iter().chain(others).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn time(value: Duration) -> String {
    show::written(value.as_secs_f64(), Unit::Seconds)
}

fn bytes(value: u64) -> String {
    show::written(value as f64, Unit::Bytes)
}
