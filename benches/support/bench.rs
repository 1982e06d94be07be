//! The first and last steps of every benchmark: it refuses to be a test, checks privileges and prints the machine.

use std::error::Error;
use std::process::ExitCode;

use nix::sys::utsname;
use nslab::sys::NetNs;

/// The result of a benchmark; an error ends it.
pub(crate) type Measured<T = ()> = Result<T, Box<dyn Error>>;

/// Runs a benchmark, but only under `cargo bench`. A test run that builds all targets passes no `--bench`, and nothing
/// that is timed belongs in one.
pub(crate) fn bench(title: &str, measure: impl FnOnce() -> Measured) -> ExitCode {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("{title}: not measured; run it with `cargo bench`");
        return ExitCode::SUCCESS;
    }
    if let Err(error) = NetNs::create() {
        println!("{title}: not measured, a network namespace cannot be created: {error}");
        return ExitCode::SUCCESS;
    }
    println!("## {title}\n\n{}\n", machine());
    match measure() {
        Ok(()) => {
            println!("\nLoad average at the end: {}.", load());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("error: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(chain);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// Returns the value of an option: `cargo bench --bench hold -- --pairs 1000000`.
pub(crate) fn option(name: &str, otherwise: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    let value = arguments.nth(1).and_then(|value| value.parse().ok());
    value.unwrap_or(otherwise)
}

/// Prints the kernel, processors, memory and the load of the machine.
fn machine() -> String {
    let release = utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let line = |path: &str, key: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    format!(
        "Linux {}, {processors} processors ({}), memory {}, load average {}.",
        release.unwrap_or_default(),
        line("/proc/cpuinfo", "model name"),
        line("/proc/meminfo", "MemTotal"),
        load()
    )
}

/// Returns the first load average: how many threads wanted to run, over the last minute.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
