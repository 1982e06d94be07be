//! Resets connections as soon as they are established, as many per second as possible, next to a bare loop that
//! does the same.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nslab::sys::timer::thread_cpu_time;
use socket2::SockRef;

use super::bench::Measured;
use super::contestants::Contestants;
use super::figures::Figures;
use super::{series, table};

pub(crate) fn measure(contestants: &Contestants, rounds: u64, count: u64) -> Measured {
    let (server, address) = contestants.bare()?;
    let (mut rates, mut costs) = (Figures::default(), Figures::default());
    let (mut engine, mut failed) = (String::new(), 0.0);
    for _ in 0..rounds {
        let measured = contestants.drive("flood")?;
        let made = series::last(&measured.timeline, "flood.established");
        let changes = measured
            .timeline
            .series("flood.established")
            .map(|series| &series.changes);
        let end = changes
            .and_then(|changes| changes.last())
            .ok_or("nothing was established")?
            .0;
        rates.add("flood", made / end.as_secs_f64());
        costs.add("flood", measured.load()?.cpu as f64 / 1e3 / made);
        failed += series::last(&measured.timeline, "flood.failed");
        engine.clone_from(&measured.load()?.engine);
        let floor = move || bare_loop(address, count);
        let (took, cost) = contestants.netns("client")?.run(floor)??;
        rates.add("floor", count as f64 / took.as_secs_f64());
        costs.add("floor", cost.as_secs_f64() * 1e6 / count as f64);
    }
    server.stop()?;
    println!("\n### Connect and reset, against the built-in server\n");
    println!(
        "The floor is a loop of connect(2) and close(2) with SO_LINGER 0 that does nothing else and counts nothing.\n"
    );
    let row = |who: &str, name: String| {
        let (rate, cost) = (rates.median(who), costs.median(who));
        vec![name, format!("{rate:.0}"), format!("{cost:.1}")]
    };
    table::print(
        &[
            "client",
            "connections/s",
            "client's processor time for each, us",
        ],
        &[
            row("floor", "floor".to_owned()),
            row("flood", format!("nslab, {engine}, open loop")),
        ],
    );
    println!();
    let (rate, cost) = (rates.ratio("flood", "floor"), costs.ratio("flood", "floor"));
    table::print(
        &["what", "target", "measured", ""],
        &[
            table::figure("rate to the floor's", None, rate.to_string()),
            table::figure("processor time to the floor's", None, cost.to_string()),
            table::figure(
                "connects that failed",
                Some(("0", failed == 0.0)),
                failed.to_string(),
            ),
        ],
    );
    Ok(())
}

/// Returns the least that connections cost a program that makes one after the other: time and processor time.
fn bare_loop(address: SocketAddr, count: u64) -> std::io::Result<(Duration, Duration)> {
    let (begun, before) = (Instant::now(), thread_cpu_time()?);
    for _ in 0..count {
        let stream = TcpStream::connect(address)?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    }
    Ok((begun.elapsed(), thread_cpu_time()?.saturating_sub(before)))
}
