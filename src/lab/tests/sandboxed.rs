//! Labs in a sandbox: rootless labs work the same way, and nothing survives.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;
use crate::scenario::topology::NatSpec;
use crate::sys::sandbox::{self, SandboxInfo, SandboxOptions, SandboxProcess};

/// Runs a closure in a sandbox in a child process and returns its answer.
fn inside(rootless: bool, work: impl FnOnce(SandboxInfo) -> String) -> String {
    let answer = sandbox::in_child(|| {
        let wanted = SandboxOptions {
            rootless,
            parent: None,
            keep: None,
        };
        match sandbox::enter(wanted) {
            Ok(SandboxProcess::Inside(inside)) => work(inside).into_bytes(),
            Ok(SandboxProcess::Finished(_)) => Vec::new(),
            Err(error) => format!("refused: {error}").into_bytes(),
        }
    });
    String::from_utf8(answer.unwrap()).unwrap()
}

fn nat() -> Topology {
    let mut topology = row(IpVersion::V4, &["client", "nat", "server"]);
    topology.nodes["nat"].nat = vec![NatSpec::masquerade("eth1")];
    topology
}

/// Returns the client's address as a server behind a masquerading router sees it.
fn seen_through_nat() -> String {
    let lab = match Lab::build(&run_of(nat()), LabScope::default()) {
        Ok((lab, _, _)) => lab,
        Err(error) => return format!("cannot build: {error:?}"),
    };
    let listener = netns(&lab, "server")
        .run(|| TcpListener::bind("10.0.1.2:80").unwrap())
        .unwrap();
    let connected = netns(&lab, "client")
        .run(|| std::net::TcpStream::connect("10.0.1.2:80"))
        .unwrap();
    let peer = listener.accept().unwrap().1.ip();
    drop(connected);
    peer.to_string()
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_lab_works_in_a_sandbox_as_root_and_rootless() {
    for rootless in [false, true] {
        let answer = inside(rootless, |inside| {
            format!(
                "{} {} {}",
                inside.rootless,
                std::process::id(),
                seen_through_nat()
            )
        });
        let rootless = rootless || !sandbox::is_privileged();
        assert_eq!(answer, format!("{rootless} 2 10.0.1.1"));
    }
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_sandbox_sees_only_its_own_processes() {
    let answer = inside(true, |inside| {
        let processes = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
            .collect::<Vec<_>>();
        format!("{} {processes:?}", inside.fresh_proc)
    });
    assert_eq!(answer, "true [1, 2]");
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_a_daemon_ends_with_its_sandbox() {
    let answer = inside(false, |_| {
        let mut daemon = Command::new("sh")
            .args([
                "-c",
                "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(daemon.stdout.take().unwrap())
            .read_line(&mut pid)
            .unwrap();
        daemon.wait().unwrap();
        NetNs::current().unwrap().inode().unwrap().to_string()
    });
    assert_eq!(holders(answer.parse().unwrap()), Vec::<u32>::new());
}

/// Returns the processes in a network namespace.
fn holders(netns: u64) -> Vec<u32> {
    let name = format!("net:[{netns}]");
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            std::fs::read_link(format!("/proc/{pid}/ns/net"))
                .is_ok_and(|link| link.to_str() == Some(&name))
        })
        .collect()
}

/// Returns the parent of a process.
fn parent_of(pid: u32) -> Option<u32> {
    let processes = crate::sys::holders::processes().unwrap();
    processes.get(&pid).map(|process| process.parent)
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_nothing_is_left_of_a_lab_whose_process_is_killed() {
    let (read, mut write) = std::io::pipe().unwrap();
    let sandbox = std::thread::spawn(move || {
        inside(false, move |_| {
            let (lab, _, _) = Lab::build(&run_of(nat()), LabScope::default()).unwrap();
            let inodes: Vec<String> = lab
                .nodes()
                .map(|node| node.netns.inode().unwrap().to_string())
                .chain([NetNs::current().unwrap().inode().unwrap().to_string()])
                .collect();
            writeln!(write, "{}", inodes.join(" ")).unwrap();
            loop {
                std::thread::park();
            }
        })
    });
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).unwrap();
    let namespaces: Vec<u64> = line
        .split_whitespace()
        .map(|inode| inode.parse().unwrap())
        .collect();
    assert_eq!(namespaces.len(), 4);
    let own = std::process::id();
    let outermost = holders(namespaces[3])
        .into_iter()
        .find(|pid| parent_of(*pid) == Some(own))
        .expect("the process outside the sandbox is a child of this one");
    kill(Pid::from_raw(outermost.cast_signed()), Signal::SIGKILL).unwrap();
    sandbox.join().unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while namespaces.iter().any(|inode| !holders(*inode).is_empty()) {
        assert!(std::time::Instant::now() < deadline, "processes are left");
        std::thread::yield_now();
    }
}
