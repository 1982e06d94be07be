//! Requests in a closed loop, one connection for each.

use nslab::lab;

use super::bench::Measured;
use super::contestants::Contestants;
use super::figures::Figures;
use super::peers::{PEERS, Peer};
use super::{series, table};

/// Our clients: `direct`, and `translated` through masquerade.
const OURS: [&str; 2] = ["direct", "translated"];

/// The name of the bare loop among the clients.
const FLOOR: &str = "the floor";

/// The results of every client, in all rounds.
#[derive(Default)]
struct Course {
    /// Connections per second.
    rates: Figures,
    /// Processor time of the client per connection, us.
    costs: Figures,
    failed: f64,
}

pub(crate) fn measure(contestants: &Contestants, rounds: u64, requests: u64) -> Measured {
    let (there, missing): (Vec<&Peer>, Vec<&Peer>) = PEERS.iter().partition(|peer| peer.is_there());
    for peer in missing {
        println!("`{}` is not on PATH: `{}`.\n", peer.program, peer.package);
    }
    let server = contestants.web()?;
    // A first round fills the server's TIME_WAIT up to its bound, for all alike.
    round(contestants, &there, requests, &mut Course::default())?;
    let mut course = Course::default();
    for _ in 0..rounds {
        round(contestants, &there, requests, &mut course)?;
    }
    server.stop()?;
    let server = if contestants.has_nginx {
        "nginx"
    } else {
        "the built-in server (nginx is not installed)"
    };
    println!("### A request a connection, against {server}\n");
    println!(
        "The floor is a loop of socket(2), connect(2), write(2), read(2) and close(2) with 64 connections at once that \
         does\nnothing else and counts nothing.\n"
    );
    println!("{rounds} rounds; ratios are medians of the rounds' own, with quartiles.\n");
    show(&course, &there);
    judge(&course, &there);
    Ok(())
}

/// Runs every client once.
fn round(
    contestants: &Contestants,
    there: &[&Peer],
    requests: u64,
    course: &mut Course,
) -> Measured {
    for ours in OURS {
        ours_once(contestants, ours, course)?;
    }
    let floor = contestants.floor(requests)?;
    let (took, processor) = (floor.took.as_secs_f64(), floor.processor.as_secs_f64());
    course.rates.add(FLOOR, requests as f64 / took);
    course.costs.add(FLOOR, processor * 1e6 / requests as f64);
    for peer in there {
        let measured = contestants.drive(peer.program)?;
        let said = peer.said(&measured.timeline)?;
        let cost = measured.processor.as_secs_f64() * 1e6 / said.made;
        course.rates.add(peer.program, said.rate);
        course.costs.add(peer.program, cost);
        course.failed += said.failed;
    }
    Ok(())
}

fn ours_once(contestants: &Contestants, ours: &'static str, course: &mut Course) -> Measured {
    lab::flush_conntrack(contestants.netns("nat")?)?;
    let measured = contestants.drive(ours)?;
    let load = measured.load()?;
    let made = series::last(&measured.timeline, &format!("{ours}.completed"));
    // With the built-in server in this process, only the client's own threads are counted.
    let cost = if contestants.has_nginx {
        measured.processor.as_secs_f64() * 1e6
    } else {
        load.cpu as f64 / 1e3
    };
    course.rates.add(ours, load.achieved_rate);
    course.costs.add(ours, cost / made);
    course.failed += series::last(&measured.timeline, &format!("{ours}.failed"));
    Ok(())
}

fn show(course: &Course, there: &[&Peer]) {
    let names = [
        (FLOOR, FLOOR.to_owned()),
        ("direct", "nslab".to_owned()),
        ("translated", "nslab, through NAT".to_owned()),
    ];
    let peers = there
        .iter()
        .map(|peer| (peer.program, peer.program.to_owned()));
    let rows: Vec<_> = names
        .into_iter()
        .chain(peers)
        .map(|(who, name)| {
            let (rate, cost) = (course.rates.median(who), course.costs.median(who));
            vec![name, format!("{rate:.0}"), format!("{cost:.1}")]
        })
        .collect();
    table::print(
        &[
            "client",
            "connections/s",
            "client's processor time for each, us",
        ],
        &rows,
    );
    println!("\nRequests that failed: {}.\n", course.failed);
}

fn judge(course: &Course, there: &[&Peer]) {
    let mut rows = Vec::new();
    let mut compare =
        |with: &str, least_rate: (&'static str, f64), most_cost: (&'static str, f64)| {
            let rate = course.rates.ratio("direct", with);
            let cost = course.costs.ratio("direct", with);
            rows.push(table::figure(
                &format!("rate to {with}'s"),
                Some((least_rate.0, rate.median >= least_rate.1)),
                rate.to_string(),
            ));
            rows.push(table::figure(
                &format!("processor time to {with}'s"),
                Some((most_cost.0, cost.median <= most_cost.1)),
                cost.to_string(),
            ));
        };
    compare("the floor", (">= 0.95", 0.95), ("<= 1.06", 1.06));
    for peer in there {
        compare(peer.program, (">= 1.3", 1.3), ("<= 0.75", 0.75));
    }
    let through = course.rates.ratio("translated", "direct");
    let target = Some((">= 0.65", through.median >= 0.65));
    rows.push(table::figure(
        "rate through NAT to direct",
        target,
        through.to_string(),
    ));
    table::print(&["what", "target", "measured", ""], &rows);
}
