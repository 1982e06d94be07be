//! Scenarios that attack the host, each in one way: none succeeds, and the host is the same afterwards.
//!
//! An attack is a shell script that ends with 0 if it succeeded. Each is also run without nslab, where it must succeed,
//! so that a typing error is not taken for a boundary. There it changes nothing: it writes the value that is already
//! there, or does its deed in namespaces of its own.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::host;
use crate::program::{command, scratch, transcript};

/// An attack: its name, the way to run it harmlessly, and the script.
type Attack = (&'static str, Control, &'static str);

/// The way in which an attack shows, without nslab, that it can succeed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    /// It changes nothing, or only in the folder of the test.
    Plain,
    /// It would change the host, and so is run in namespaces of its own.
    Namespaces,
}

use Control::{Namespaces, Plain};

/// `DIR` is a folder of the host that everyone may write to, `SOCKET` a service that everyone may use, `PID` a process
/// of the host, `FD` an inherited descriptor.
const ATTACKS: [Attack; 42] = [
    ("the_name_of_the_host", Namespaces, "hostname attacked"),
    (
        "a_setting_of_memory",
        Plain,
        "f=/proc/sys/vm/swappiness; v=$(cat $f); echo $v > $f",
    ),
    (
        "the_core_pattern",
        Plain,
        "f=/proc/sys/kernel/core_pattern; v=$(cat $f); echo \"$v\" > $f",
    ),
    ("the_password_file", Plain, "grep -q root /etc/shadow"),
    ("the_home_of_root", Plain, "test -n \"$(ls -A /root)\""),
    (
        "temporary_files",
        Plain,
        "ls DIR/.. >/dev/null; touch /tmp/PID && rm /tmp/PID; test -n \"$(ls -A /run)\"",
    ),
    (
        "a_file_that_everyone_may_write",
        Plain,
        "echo attacked > DIR/file",
    ),
    (
        "a_set_user_id_program",
        Plain,
        "cp /bin/true DIR/setuid && chmod 4755 DIR/setuid",
    ),
    (
        "a_set_user_id_program_in_its_own_folder",
        Plain,
        "test -w /dev/shm && d=$(mktemp -d) && cp /usr/bin/id $d && chown 0 $d/id && chmod 4755 $d/id",
    ),
    ("a_block_device", Plain, "mknod DIR/disk b 7 0"),
    (
        "a_block_device_in_its_own_folder",
        Plain,
        "d=$(mktemp -d) && mknod $d/disk b 7 0; r=$?; rm -rf $d; exit $r",
    ),
    ("a_mount", Namespaces, "mount -t tmpfs none /mnt"),
    (
        "a_mount_in_a_user_namespace",
        Plain,
        "unshare --user --map-root-user --mount mount -t tmpfs none /mnt",
    ),
    ("a_remount", Namespaces, "mount -o remount,bind,rw /"),
    ("a_process_of_the_host", Plain, "kill -0 PID"),
    (
        "the_list_of_processes",
        Plain,
        "test $(ls -d /proc/[0-9]* | wc -l) -gt 5",
    ),
    (
        "an_inherited_descriptor",
        Plain,
        "read line <&FD && test \"$line\" = secret",
    ),
    (
        "a_socket_of_a_service",
        Plain,
        "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Peer => \"SOCKET\") or die'",
    ),
    (
        "priority",
        Plain,
        "nice -n -5 perl -e 'exit(getpriority(0, 0) >= 0)'",
    ),
    ("unbounded_memory", Plain, "test $(ulimit -d) = unlimited"),
    (
        "unbounded_shared_memory",
        Plain,
        "f=/dev/shm/PID; dd if=/dev/zero of=$f bs=1M count=300 2>/dev/null; r=$?; rm -f $f; exit $r",
    ),
    (
        "unbounded_processes",
        Plain,
        "awk '/Max processes/ { exit !($3 == \"unlimited\" || $3 > 4096) }' /proc/self/limits",
    ),
    ("core_files", Plain, "ulimit -c unlimited"),
    (
        "all_capabilities",
        Plain,
        "grep -q '^CapEff:.*ffff' /proc/self/status",
    ),
    (
        "new_privileges",
        Plain,
        "grep -q '^NoNewPrivs:.*0' /proc/self/status",
    ),
    (
        "disks",
        Plain,
        "ls /dev/vda /dev/sda /dev/nvme0n1 /dev/mem /dev/kmsg 2>/dev/null | grep -q .",
    ),
    (
        "the_keys_of_others",
        Plain,
        "test -n \"$(cat /proc/key-users)\"",
    ),
    (
        "a_socket_to_the_hypervisor",
        Plain,
        "perl -e 'socket(S, 40, 1, 0); exit($!{EPERM})'",
    ),
    (
        "modules",
        Plain,
        "perl -e 'require \"syscall.ph\" if 0; syscall(176, 0, 0); exit($!{EPERM})'",
    ),
    (
        "tracing",
        Plain,
        "perl -e 'syscall(101, 16900, 0, 0, 0); exit($!{EPERM})'",
    ),
    (
        "programs_in_the_kernel",
        Plain,
        "perl -e 'syscall(321, 9999, 0, 0); exit($!{EPERM})'",
    ),
    (
        "sockets_into_the_kernel",
        Plain,
        "perl -e 'socket(S, 38, 5, 0); exit($!{EPERM})'",
    ),
    (
        "the_cryptography_of_the_kernel",
        Plain,
        "perl -e 'socket(S, 16, 3, 21); exit($!{EPERM})'",
    ),
    (
        "the_memory_of_its_parent",
        Plain,
        "p=$(awk '/^PPid/ { print $2 }' /proc/$$/status); head -c 1 /proc/$p/maps | grep -q .",
    ),
    (
        "the_files_of_its_parent",
        Plain,
        "p=$(awk '/^PPid/ { print $2 }' /proc/$$/status); ls /proc/$p/root/ >/dev/null",
    ),
    (
        "requests_in_a_ring",
        Plain,
        "perl -e 'syscall(425, 0, 0); exit($!{EPERM})'",
    ),
    (
        "faults_of_memory",
        Plain,
        "perl -e 'syscall(323, 1 << 20); exit($!{EPERM})'",
    ),
    (
        "performance_counters",
        Plain,
        "perl -e 'syscall(298, 0, 0, 0, 0, 0); exit($!{EPERM})'",
    ),
    (
        "a_keyring",
        Plain,
        "perl -e 'syscall(250, 9999); exit($!{EPERM})'",
    ),
    (
        "another_namespace",
        Plain,
        "perl -e 'syscall(308, -1, 0); exit($!{EPERM})'",
    ),
    (
        "a_clock",
        Plain,
        "perl -e 'syscall(227, 99, 0); exit($!{EPERM})'",
    ),
    (
        "real_time",
        Plain,
        "perl -e '$p = pack(\"i\", 1); exit(syscall(144, 0, 1, $p) != 0)'",
    ),
];

/// The privileges that a scenario can have on this kernel, except the folders of users.
const PRIVILEGES: &str =
    "root, CHOWN, FOWNER, FSETID, KILL, IPC_OWNER, NET_BROADCAST, SYS_CHROOT, SETUID, SETGID";
/// Becomes a user without privileges, and then the program that follows.
const AS_USER: &str = "setpriv --reuid 1000 --regid 1000 --clear-groups";

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |attack: &'static Attack| {
        let name = format!("hostile::root_cannot_reach_{}", attack.0);
        Trial::test(name, move || defended(attack)).with_ignored_flag(!is_root())
    };
    let home = Trial::test(
        "hostile::commands_run_under_any_home",
        commands_run_under_any_home,
    );
    let folder = |name: &str, as_user| {
        let trial = Trial::test(name, move || folder_of_attacks(as_user));
        let possible = is_root()
            && (as_user.is_empty()
                || crate::environments::works(&format!("{as_user} unshare -Ur true")));
        trial.with_ignored_flag(!possible)
    };
    let attacks = ATTACKS.iter().map(trial);
    attacks
        .chain([
            home.with_ignored_flag(!is_root()),
            folder("hostile::root_runs_a_folder_of_attacks_unharmed", ""),
            folder("hostile::a_user_runs_a_folder_of_attacks_unharmed", AS_USER),
        ])
        .collect()
}

/// Runs all attacks at once: without privileges, and with all that a scenario can have on this kernel.
fn folder_of_attacks(as_user: &str) -> Result<(), Failed> {
    // A user may not be able to reach the folder of the build.
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777))?;
    let (program, scenarios) = (folder.path().join("nslab"), folder.path().join("scenarios"));
    fs::copy(command().get_program(), &program)?;
    fs::create_dir(&scenarios)?;
    let socket = folder.path().join("socket");
    let _service = UnixListener::bind(&socket)?;
    fs::set_permissions(&socket, Permissions::from_mode(0o777))?;
    // Root keeps what root owns; in memory, and without effect.
    let tried = ATTACKS
        .iter()
        .filter(|(name, ..)| *name != "a_set_user_id_program_in_its_own_folder");
    let tried: Vec<(&str, String)> = tried
        .map(|(name, _, script)| {
            let script = script
                .replace("DIR", &folder.path().display().to_string())
                .replace("SOCKET", &socket.display().to_string())
                .replace("PID", &std::process::id().to_string())
                .replace("FD", "9")
                .replace('$', "$$");
            (*name, script)
        })
        .collect();
    for (name, privileges) in [("plain", ""), ("privileged", PRIVILEGES)] {
        let mut text = "nodes: { a: {} }\ncommands:\n".to_owned();
        for (name, script) in &tried {
            let script = serde_json::to_string(script)?;
            text += &format!(
                "  {name}: {{ node: a, run: [sh, -c, {script}], privileges: [{privileges}] }}\n"
            );
        }
        text += "expect:\n";
        text.extend(
            tried
                .iter()
                .map(|(name, _)| format!("  - {name}.exit != 0\n")),
        );
        fs::write(scenarios.join(name).with_extension("yaml"), text)?;
    }
    let before = state(folder.path());
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("exec {as_user} \"$0\" run --no-progress --no-record scenarios"),
        ])
        .arg(&program)
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()?;
    let after = state(folder.path());
    let shown = transcript(&output);
    if before != after {
        return Err(format!("the host changed:\n{before:#?}\n{after:#?}\n{shown}").into());
    }
    // On a busy machine, a run may be inconclusive; its commands ran all the same.
    let held = shown.matches("✓").count();
    match output.status.code() {
        Some(0 | 4) if held == 2 * tried.len() => Ok(()),
        _ => Err(format!("{held} of {} attacks failed:\n{shown}", 2 * tried.len()).into()),
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn defended((name, control, script): &Attack) -> Result<(), Failed> {
    let folder = tempfile::tempdir_in(scratch())?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777))?;
    let services = tempfile::tempdir_in("/run")?;
    fs::set_permissions(services.path(), Permissions::from_mode(0o777))?;
    let socket = services.path().join("socket");
    let _service = UnixListener::bind(&socket)?;
    fs::set_permissions(&socket, Permissions::from_mode(0o777))?;
    let secret = folder.path().join("secret");
    fs::write(&secret, "secret\nsecret\n")?;
    fs::set_permissions(&secret, Permissions::from_mode(0o600))?;
    let descriptor = fs::File::open(&secret)?;
    fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
    let script = script
        .replace("DIR", &folder.path().display().to_string())
        .replace("SOCKET", &socket.display().to_string())
        .replace("PID", &std::process::id().to_string())
        .replace("FD", &descriptor.as_raw_fd().to_string());
    let mut plain = match control {
        Plain => Command::new("sh"),
        Namespaces => {
            let mut unshare = Command::new("unshare");
            unshare.args(["--uts", "--mount", "--ipc", "sh"]);
            unshare
        }
    };
    let output = plain.args(["-c", &script]).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(format!("{name} fails without nslab too: {}", transcript(&output)).into());
    }
    for made in ["file", "setuid", "disk"] {
        let _was_not_made = fs::remove_file(folder.path().join(made));
    }
    let before = state(folder.path());
    let scenario = folder.path().join("attack.yaml");
    let quoted = serde_json::to_string(&script.replace('$', "$$"))?;
    fs::write(
        &scenario,
        format!(
            "nodes: {{ a: {{}} }}\n\
         commands: {{ attack: {{ node: a, run: [sh, -c, {quoted}] }} }}\n\
         expect: [ attack.exit != 0 ]\n"
        ),
    )?;
    let output = command()
        .args(["run", "--no-progress", "--no-record"])
        .arg(&scenario)
        .output()?;
    fs::remove_file(&scenario)?;
    let after = state(folder.path());
    if before != after {
        return Err(format!("{name} changed the host:\n{before:#?}\n{after:#?}").into());
    }
    match output.status.code() {
        Some(0) => Ok(()),
        _ => Err(format!("{name} succeeded: {}", transcript(&output)).into()),
    }
}

/// A home may lie below a folder that commands do not see, or be a link.
fn commands_run_under_any_home() -> Result<(), Failed> {
    let folder = tempfile::tempdir_in("/root")?;
    let nested = folder.path().join("nest/user");
    fs::create_dir_all(&nested)?;
    let link = scratch().join(format!("home-{}", std::process::id()));
    symlink(&nested, &link)?;
    let scenario = folder.path().join("home.yaml");
    fs::write(
        &scenario,
        "nodes: { a: {} }\n\
         commands: { ask: { node: a, run: [sh, -c, \"echo ran\"] } }\n\
         expect: [ ask.exit == 0, ask.stdout ~ /ran/ ]\n",
    )?;
    for home in [
        nested.as_path(),
        &link,
        Path::new("/root"),
        Path::new("/missing"),
    ] {
        let output = command()
            .args(["run", "--no-progress", "--no-record"])
            .arg(&scenario)
            .env("HOME", home)
            .output()?;
        if !output.status.success() {
            let _removed = fs::remove_file(&link);
            return Err(format!("HOME={}: {}", home.display(), transcript(&output)).into());
        }
    }
    Ok(fs::remove_file(&link)?)
}

/// Returns what an attack could have changed: the host's networks and settings, its name, the folder's files, and
/// processes that were left behind.
fn state(folder: &Path) -> BTreeMap<String, String> {
    let mut state = host::state();
    for file in [
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/vm/swappiness",
        "/proc/self/mounts",
        "/proc/modules",
    ] {
        let text = fs::read_to_string(file).unwrap_or_default();
        state.insert(file.to_owned(), text);
    }
    let files = fs::read_dir(folder).unwrap().flatten();
    for entry in files.filter(|entry| entry.file_name() != "attack.yaml") {
        let about = entry.metadata().unwrap();
        let text = format!("{:?} {:?}", about.permissions(), about.modified());
        state.insert(entry.path().display().to_string(), text);
    }
    state.insert("left".to_owned(), host::leftovers().join("\n"));
    state
}
