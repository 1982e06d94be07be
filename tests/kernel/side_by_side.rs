//! Ten small suites at once, of which some get a signal at a moment that differs in each round: each ends soon, leaves
//! nothing, and changes no verdict of the others.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::killing::gone;
use crate::program::{command, scratch};

const SUITES: usize = 10;
/// Each suite that gets a signal, and the signal.
const SIGNALS: [(usize, Signal); 6] = [
    (1, Signal::SIGINT),
    (2, Signal::SIGTERM),
    (4, Signal::SIGHUP),
    (5, Signal::SIGKILL),
    (7, Signal::SIGINT),
    (8, Signal::SIGTERM),
];
/// The time within which the signals are sent; a suite takes several seconds.
const WITHIN: Duration = Duration::from_secs(3);
/// The time within which a suite ends after a signal: the second after which it kills runs that have not ended, and
/// another one for its report, because ten suites share the processors.
const SOON: Duration = Duration::from_secs(2);

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "suites_side_by_side_end_at_a_signal_and_change_no_verdict_of_others",
        side_by_side,
    )]
}

/// ```text
/// a ---- b :80   a queue that overflows, or a load that gets through
/// ```
fn scenario(number: usize) -> String {
    let (accept, expected) = match number % 2 {
        0 => ("never", "burst.established == 9"),
        _ => ("epoll", "burst.established == burst.attempted"),
    };
    format!(
        "nodes: {{ a: {{}}, b: {{ sysctls: {{ net.ipv4.tcp_syncookies: 0 }} }} }}\n\
         links: [{{ between: [a, b] }}]\n\
         servers: {{ web: {{ node: b, port: 80, backlog: 8, accept: {accept} }} }}\n\
         clients: {{ burst: {{ node: a, to: web, connect: {{ rate: 20/s, for: 1s, timeout: 1s }} }} }}\n\
         expect: [ {expected} ]\n"
    )
}

fn side_by_side() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let mut suites = Vec::new();
    for number in 0..SUITES {
        let own = folder.path().join(number.to_string());
        fs::create_dir(&own)?;
        for scenario_number in 0..3 {
            fs::write(
                own.join(format!("{scenario_number}.yaml")),
                scenario(number + scenario_number),
            )?;
        }
        suites.push(begin(&own)?);
    }
    let seed = std::process::id();
    let began = Instant::now();
    let mut moments: Vec<_> = SIGNALS
        .map(|signal| (moment(seed, signal.0), signal))
        .to_vec();
    moments.sort_by_key(|(moment, _)| *moment);
    for (moment, (number, signal)) in moments {
        std::thread::sleep(moment.saturating_sub(began.elapsed()));
        let suite = &mut suites[number];
        let asked = Instant::now();
        kill(Pid::from_raw(i32::try_from(suite.id())?), signal)?;
        while suite.try_wait()?.is_none() {
            if asked.elapsed() > SOON {
                return Err(format!("seed {seed}: suite {number} ignores {signal}").into());
            }
            std::thread::yield_now();
        }
    }
    for (number, suite) in suites.iter_mut().enumerate() {
        let signalled = SIGNALS.iter().any(|(other, _)| *other == number);
        let status = suite.wait()?;
        if !signalled && status.code() != Some(0) {
            let shown = fs::read_to_string(folder.path().join(number.to_string()).join("shown"))?;
            return Err(format!("seed {seed}: suite {number}: {status}: {shown}").into());
        }
    }
    let mut said = (0..SUITES).map(|number| folder.path().join(number.to_string()).join("errors"));
    if !said.any(|file| fs::read_to_string(file).is_ok_and(|text| text.contains("on this machine")))
    {
        return Err("no suite says that it shares the machine".into());
    }
    gone()
}

/// Returns the moment at which a suite gets its signal, which is the same for the same seed.
fn moment(seed: u32, suite: usize) -> Duration {
    let mut hasher = DefaultHasher::new();
    (seed, suite).hash(&mut hasher);
    WITHIN.mul_f64((hasher.finish() % 1000) as f64 / 1000.0)
}

fn begin(folder: &Path) -> Result<Child, Failed> {
    let file = |name: &str| fs::File::create(folder.join(name));
    Ok(command()
        .args(["run", "--no-record"])
        .arg(folder)
        .stdout(file("shown")?)
        .stderr(file("errors")?)
        .spawn()?)
}
