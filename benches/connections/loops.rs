//! Requests in a closed loop, a connection each.

use std::collections::BTreeMap;

use nslab::lab;

use super::bench::Measured;
use super::cast::Cast;
use super::figures::Figures;
use super::peers::{PEERS, Peer};
use super::{table, told};

/// Our clients: `direct` with the engine that the kernel allows, `portable` without io_uring, `translated` through masquerade.
const OURS: [&str; 3] = ["direct", "portable", "translated"];

/// What everyone did, in all rounds.
#[derive(Default)]
struct Course {
    /// Connections a second.
    rates: Figures,
    /// Processor time of the client for each, us.
    costs: Figures,
    failed: f64,
    /// Of each of ours, as it says itself.
    engines: BTreeMap<&'static str, String>,
}

/// Measures and prints.
pub(crate) fn measure(cast: &Cast, rounds: u64) -> Measured {
    let (there, missing): (Vec<&Peer>, Vec<&Peer>) = PEERS.iter().partition(|peer| peer.is_there());
    for peer in missing {
        println!("`{}` is not on PATH: `{}`.\n", peer.program, peer.package);
    }
    let server = cast.web()?;
    // A first round fills the server's TIME_WAIT up to its bound, for all alike.
    round(cast, &there, &mut Course::default())?;
    let mut course = Course::default();
    for _ in 0..rounds {
        round(cast, &there, &mut course)?;
    }
    server.stop()?;
    let server = if cast.has_nginx {
        "nginx"
    } else {
        "the built-in server (nginx is not installed)"
    };
    println!("### A request a connection, against {server}\n");
    println!("{rounds} rounds; ratios are medians of the rounds' own, with quartiles.\n");
    show(&course, &there);
    judge(&course, &there);
    Ok(())
}

/// Everyone once.
fn round(cast: &Cast, there: &[&Peer], course: &mut Course) -> Measured {
    for ours in OURS {
        ours_once(cast, ours, course)?;
    }
    for peer in there {
        let act = cast.drive(peer.program)?;
        let said = peer.said(&act.told)?;
        let cost = act.processor.as_secs_f64() * 1e6 / said.made;
        course.rates.add(peer.program, said.rate);
        course.costs.add(peer.program, cost);
        course.failed += said.failed;
    }
    Ok(())
}

fn ours_once(cast: &Cast, ours: &'static str, course: &mut Course) -> Measured {
    lab::flush_conntrack(cast.netns("nat")?)?;
    let act = cast.drive(ours)?;
    let load = act.load()?;
    let made = told::last(&act.told, &format!("{ours}.completed"));
    // With the built-in server in this process, only the client's own threads are counted.
    let cost = if cast.has_nginx {
        act.processor.as_secs_f64() * 1e6
    } else {
        load.cpu as f64 / 1e3
    };
    course.rates.add(ours, load.achieved_rate);
    course.costs.add(ours, cost / made);
    course.failed += told::last(&act.told, &format!("{ours}.failed"));
    course.engines.insert(ours, load.engine.clone());
    Ok(())
}

fn show(course: &Course, there: &[&Peer]) {
    let engine = |ours: &str| course.engines.get(ours).map_or("", String::as_str);
    let names = [
        ("direct", format!("nslab, {}", engine("direct"))),
        ("portable", format!("nslab, {}", engine("portable"))),
        (
            "translated",
            format!("nslab, {}, through NAT", engine("translated")),
        ),
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
    for ours in ["direct", "portable"] {
        let engine = course.engines.get(ours).map_or("", String::as_str);
        // The targets are those of the engine that is used where the kernel allows it.
        let is_judged = ours == "direct";
        for peer in there.iter().map(|peer| peer.program) {
            let rate = course.rates.ratio(ours, peer);
            let cost = course.costs.ratio(ours, peer);
            let target = is_judged.then_some((">= 1.3", rate.median >= 1.3));
            rows.push(table::figure(
                &format!("{engine}: rate to {peer}'s"),
                target,
                rate.to_string(),
            ));
            let target = is_judged.then_some(("<= 0.75", cost.median <= 0.75));
            rows.push(table::figure(
                &format!("{engine}: processor time to {peer}'s"),
                target,
                cost.to_string(),
            ));
        }
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
