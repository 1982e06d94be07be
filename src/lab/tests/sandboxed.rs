//! Labs in a sandbox: rootless works the same, and nothing survives.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::*;
use crate::scenario::topology::NatSpec;
use crate::sys::sandbox::{self, Entered, Inside, Wanted};

/// Runs something inside a sandbox in a child and gives its answer.
fn inside(rootless: bool, work: impl FnOnce(Inside) -> String) -> String {
    let answer = sandbox::in_child(|| {
        let wanted = Wanted {
            rootless,
            parent: None,
        };
        match sandbox::enter(wanted) {
            Ok(Entered::Inside(inside)) => work(inside).into_bytes(),
            Ok(Entered::Over(_)) => Vec::new(),
            Err(error) => format!("refused: {error}").into_bytes(),
        }
    });
    String::from_utf8(answer.unwrap()).unwrap()
}

/// Says why, where there can be no sandbox here.
fn can_isolate() -> bool {
    let answer = sandbox::in_child(|| match sandbox::isolate(!sandbox::is_privileged()) {
        Ok(()) => b"yes".to_vec(),
        Err(error) => error.to_string().into_bytes(),
    })
    .unwrap();
    if answer == b"yes" {
        return true;
    }
    panic!("{}", String::from_utf8_lossy(&answer))
}

fn nat() -> Topology {
    let mut topology = row(IpVersion::V4, &["client", "nat", "server"]);
    topology.nodes["nat"].nat = vec![NatSpec::Masquerade { out: "eth1".into() }];
    topology
}

/// Which address a server behind a masquerading router sees.
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
    if !can_isolate() {
        return;
    }
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
fn kernel_a_sandbox_sees_its_own_processes_alone() {
    if !can_isolate() {
        return;
    }
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
fn kernel_what_daemonises_inside_ends_with_the_sandbox() {
    if !can_isolate() {
        return;
    }
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

/// Which processes are in a network namespace.
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

/// Set for the process that is to be killed.
const STAY: &str = "NSLAB_BUILD_A_LAB_AND_STAY";

/// The other half of the test below: builds a lab, says so, and waits to be killed.
#[test]
#[ignore = "only another test runs it, in a process of its own"]
fn builds_a_lab_and_stays() {
    if std::env::var_os(STAY).is_none() {
        return;
    }
    inside(false, |_| {
        let (lab, _, _) = Lab::build(&run_of(nat()), LabScope::default()).unwrap();
        let mut out = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/fd/2")
            .unwrap();
        let inodes: Vec<String> = lab
            .nodes()
            .map(|node| node.netns.inode().unwrap().to_string())
            .chain([NetNs::current().unwrap().inode().unwrap().to_string()])
            .collect();
        writeln!(out, "namespaces {}", inodes.join(" ")).unwrap();
        loop {
            std::thread::park();
        }
    });
}

#[test]
#[ignore = "kernel test: `-- --include-ignored` runs it"]
fn kernel_nothing_is_left_of_a_lab_whose_process_is_killed() {
    if !can_isolate() {
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("lab::tests::sandboxed::builds_a_lab_and_stays")
        .env(STAY, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .find_map(|line| Some(line.strip_prefix("namespaces ")?.to_owned()))
        .expect("the child builds its lab");
    let namespaces: Vec<u64> = said
        .split(' ')
        .map(|inode| inode.parse().unwrap())
        .collect();
    assert_eq!(namespaces.len(), 4);
    assert!(!holders(namespaces[3]).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while namespaces.iter().any(|inode| !holders(*inode).is_empty()) {
        assert!(std::time::Instant::now() < deadline, "processes are left");
        std::thread::yield_now();
    }
}
