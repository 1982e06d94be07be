//! Other load generators: their command lines for connections that carry one request each, and readers for
//! their output.

use nslab::record::Timeline;
use regex::Regex;

use super::bench::Measured;

pub(crate) struct Peer {
    /// Its program, which is also its command's name in the scenario.
    pub(crate) program: &'static str,
    /// The command that installs it.
    pub(crate) package: &'static str,
    /// The text that precedes the requests per second in its output.
    rate: &'static str,
    /// The text that precedes the number of requests in its output.
    made: &'static str,
    /// The text that precedes the number of failures in its output.
    failed: &'static str,
}

/// The load generators that can open a connection for each request.
pub(crate) const PEERS: [Peer; 3] = [
    Peer {
        program: "ab",
        package: "apt install apache2-utils",
        rate: r"Requests per second: +([0-9.]+)",
        made: r"Complete requests: +([0-9]+)",
        failed: r"Failed requests: +([0-9]+)",
    },
    Peer {
        program: "wrk",
        package: "apt install wrk",
        rate: r"Requests/sec: +([0-9.]+)",
        made: r"([0-9]+) requests in",
        failed: r"Socket errors: connect ([0-9]+)",
    },
    Peer {
        program: "oha",
        package: "cargo install oha --locked",
        rate: r#""requestsPerSec": *([0-9.]+)"#,
        made: r#""200": *([0-9]+)"#,
        failed: r#""errorDistribution": *\{[^}]*: *([0-9]+)"#,
    },
];

/// The numbers that a load generator reports about itself.
pub(crate) struct Said {
    pub(crate) rate: f64,
    pub(crate) made: f64,
    /// The number of requests that failed.
    pub(crate) failed: f64,
}

impl Peer {
    /// Returns true if its program is on `PATH`.
    pub(crate) fn is_there(&self) -> bool {
        is_program(self.program)
    }

    /// Reads its output.
    pub(crate) fn said(&self, timeline: &Timeline) -> Measured<Said> {
        let text = ["stdout", "stderr"].map(|stream| {
            let series = timeline.series(&format!("{}.{stream}", self.program));
            let lines = series.into_iter().flat_map(|series| &series.lines);
            let lines: Vec<&str> = lines.map(|(_, line)| line.as_str()).collect();
            lines.join("\n")
        });
        let [stdout, stderr] = &text;
        let number = |pattern| -> Measured<Option<f64>> {
            let found = Regex::new(pattern)?.captures(stdout);
            Ok(found.and_then(|found| found[1].parse().ok()))
        };
        let missing = || format!("{} said neither: {stdout}{stderr}", self.program);
        Ok(Said {
            rate: number(self.rate)?.ok_or_else(missing)?,
            made: number(self.made)?.ok_or_else(missing)?,
            failed: number(self.failed)?.unwrap_or(0.0),
        })
    }
}

/// Returns true if a program is on `PATH`.
pub(crate) fn is_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}
