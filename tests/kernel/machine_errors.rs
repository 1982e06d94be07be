//! Errors of a guest, its kernel or QEMU are explained, and QEMU never outlives nslab. Uses the first kernel that
//! `ci/kernels` has downloaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::machine::kernels;
use crate::program::{command, scratch, transcript};

/// The most that anything here may take that normally takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn trials() -> Vec<Trial> {
    let Some(kernel) = kernels().into_iter().next() else {
        return Vec::new();
    };
    let trial = |name: &str, test: fn(&Path) -> Result<(), Failed>| {
        let kernel = kernel.clone();
        Trial::test(name, move || test(&kernel))
    };
    vec![
        trial("a_panic_of_the_guest_is_reported_with_its_console", panic),
        trial("a_guest_out_of_memory_says_so", out_of_memory),
        trial("a_killed_qemu_is_reported", killed_qemu),
        trial("qemu_does_not_outlive_a_killed_nslab", killed_nslab),
        trial("a_missing_qemu_is_reported_with_its_package", no_qemu),
        trial("an_unwritable_cache_is_reported", no_cache),
        trial("a_kernel_without_its_modules_is_reported", no_modules),
        trial("a_damaged_image_is_reported", damaged),
        trial(
            "a_setting_of_nodes_is_not_one_of_the_kernel",
            setting_of_nodes,
        ),
    ]
}

/// Two hosts, with more in the scenario.
///
/// ```text
/// a ---- b :80
/// ```
fn scenario(count: u32, more: &str) -> String {
    format!(
        "
name: pair
nodes: {{ a: {{}}, b: {{}} }}
links: [ {{ between: [a, b] }} ]
servers: {{ web: {{ node: b, port: 80 }} }}
clients: {{ load: {{ node: a, to: web, connect: {{ rate: 200/s, count: {count} }} }} }}
expect: [ load.established == {count} ]
{more}
"
    )
}

/// A run that a test can observe while it is going on.
struct Begun {
    folder: tempfile::TempDir,
    command: Command,
}

fn run(kernel: &Path, text: &str) -> Result<Begun, Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let file = folder.path().join("pair.yaml");
    fs::write(&file, text)?;
    let mut command = command();
    command
        .args(["run", "--no-progress", "--no-record", "--kernel"])
        .args([kernel, &file])
        // Packages are imported into a store, but not into the user's.
        .env("NSLAB_KERNELS", folder.path().join("kernels"));
    Ok(Begun { folder, command })
}

fn expect(output: &Output, code: i32, texts: &[&str]) -> Result<(), Failed> {
    let shown = transcript(output);
    let missing = texts.iter().find(|text| !shown.contains(**text));
    if output.status.code() == Some(code) && missing.is_none() {
        return Ok(());
    }
    Err(format!("exit {code} and {texts:?} are expected: {shown}").into())
}

fn panic(kernel: &Path) -> Result<(), Failed> {
    let crash = "commands:
  crash: { node: a, run: [sh, -c, \"echo c > /proc/sysrq-trigger\"], start: 1s, privileges: [all] }";
    let output = run(kernel, &scenario(400, crash))?.command.output()?;
    expect(
        &output,
        3,
        &[
            "the guest ended before its run did: its kernel panicked: sysrq triggered crash",
            "| [",
            "Call Trace",
        ],
    )
}

fn out_of_memory(kernel: &Path) -> Result<(), Failed> {
    // Without a boundary: otherwise its memory has a limit.
    let eat = "commands:
  eat: { node: a, run: [tail, /dev/zero], start: 500ms, privileges: [all] }";
    let output = run(kernel, &scenario(400, eat))?.command.output()?;
    let texts = [
        "the machine ran out of memory, and its kernel killed a process",
        "(tail)",
    ];
    expect(&output, 0, &texts)
}

/// Waits for the virtual machine of a run and returns it.
fn machine_of(run: &mut Child) -> Result<u32, Failed> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && run.try_wait()?.is_none() {
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let read = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
            let is_child = read("status").contains(&format!("PPid:\t{}\n", run.id()));
            // A machine that boots was not restored from a snapshot.
            if is_child && read("cmdline").contains("-incoming") {
                return Ok(pid);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err("no machine was started".into())
}

fn number(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX))
}

fn killed_qemu(kernel: &Path) -> Result<(), Failed> {
    let mut begun = run(kernel, &scenario(60_000, ""))?;
    let mut child = begun.command.stdout(Stdio::piped()).spawn()?;
    let machine = machine_of(&mut child)?;
    kill(number(machine), Signal::SIGKILL)?;
    expect(
        &child.wait_with_output()?,
        3,
        // The kill may hit while it restores its guest, or during the run.
        &["QEMU", "ended"],
    )
}

fn killed_nslab(kernel: &Path) -> Result<(), Failed> {
    let mut begun = run(kernel, &scenario(60_000, ""))?;
    let mut child = begun.command.stdout(Stdio::null()).spawn()?;
    let machine = machine_of(&mut child)?;
    child.kill()?;
    child.wait()?;
    let deadline = Instant::now() + PATIENCE;
    let status = PathBuf::from(format!("/proc/{machine}/status"));
    // A dead process that its new parent has not yet waited for is gone, too.
    let is_there = || fs::read_to_string(&status).is_ok_and(|text| !text.contains("State:\tZ"));
    while is_there() {
        if Instant::now() > deadline {
            kill(number(machine), Signal::SIGKILL)?;
            return Err(format!("QEMU (process {machine}) outlived nslab").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn no_qemu(kernel: &Path) -> Result<(), Failed> {
    let mut begun = run(kernel, &scenario(20, ""))?;
    let output = begun.command.env("PATH", begun.folder.path()).output()?;
    expect(
        &output,
        3,
        &["cannot find qemu-system-x86_64 on PATH", "apt-get install"],
    )
}

fn no_cache(kernel: &Path) -> Result<(), Failed> {
    let mut begun = run(kernel, &scenario(20, ""))?;
    let file = begun.folder.path().join("file");
    fs::write(&file, "")?;
    let output = begun.command.env("XDG_CACHE_HOME", &file).output()?;
    let place = format!("{}/nslab cannot be written", file.display());
    expect(&output, 0, &["boot it again each time", &place])
}

/// Creates a store below a folder, in which a kernel is `whole`.
fn stored(kernel: &Path, folder: &Path) -> Result<PathBuf, Failed> {
    let store = folder.join("kernels");
    let added = crate::program::command()
        .args(["kernel", "add", "--name", "whole", "--store"])
        .args([&store, kernel])
        .output()?;
    expect(&added, 0, &["whole added"])?;
    Ok(store)
}

fn no_modules(kernel: &Path) -> Result<(), Failed> {
    let Begun {
        folder,
        mut command,
    } = run(kernel, &scenario(20, ""))?;
    let store = stored(kernel, folder.path())?;
    // Without its configuration, so that only the guest can find out.
    let image = folder.path().join("image");
    fs::copy(store.join("whole/image"), &image)?;
    let file = folder.path().join("pair.yaml");
    let alone = crate::program::command()
        .args([
            "run",
            "--no-progress",
            "--no-record",
            "--strict",
            "--kernel",
        ])
        .args([&image, &file])
        .output()?;
    expect(
        &alone,
        1,
        &["this kernel has no veth devices", "--modules DIR"],
    )?;
    command.args(["--modules", "/nowhere"]);
    let output = command.output()?;
    expect(&output, 3, &["/nowhere has no modules for Linux"])
}

/// Overwrites a piece of the file with zeros; its length stays the same.
fn damaged(kernel: &Path) -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    let store = stored(kernel, folder.path())?;
    let image = folder.path().join("image");
    let mut bytes = fs::read(store.join("whole/image"))?;
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0);
    fs::write(&image, bytes)?;
    let mut begun = run(&image, &scenario(20, ""))?;
    begun.command.args([
        "--modules".as_ref(),
        store.join("whole/modules").as_os_str(),
    ]);
    let began = Instant::now();
    let output = begun.command.output()?;
    expect(
        &output,
        3,
        &["does not boot: its image cannot decompress itself: it is damaged"],
    )?;
    // Not only after the time that it may take to boot.
    match began.elapsed() {
        took if took < Duration::from_secs(60) => Ok(()),
        took => Err(format!("shown after {took:?}").into()),
    }
}

fn setting_of_nodes(kernel: &Path) -> Result<(), Failed> {
    let of_nodes = "kernel: { sysctls: { net.ipv4.tcp_fin_timeout: 17 } }";
    let output = run(kernel, &scenario(20, of_nodes))?.command.output()?;
    let texts = [
        "net.ipv4.tcp_fin_timeout is separate for each namespace on this kernel",
        "nodes: { a: { sysctls: { net.ipv4.tcp_fin_timeout: 17 } } }",
    ];
    expect(&output, 0, &texts)
}
