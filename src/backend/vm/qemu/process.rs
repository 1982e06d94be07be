//! A QEMU process: what enters it beforehand, what comes out of it, and its certain end.

use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::process::Stdio;

use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStderr, Command};

use super::hardware::Hardware;
use crate::sys::lifeline::{die_with_parent, hand_down, own_descriptor};

/// What a machine is started with.
#[derive(Debug)]
pub(in crate::backend::vm) struct Parts<'a> {
    pub(in crate::backend::vm) hardware: Hardware,
    pub(in crate::backend::vm) kernel: &'a Path,
    pub(in crate::backend::vm) initramfs: &'a File,
    /// The name of a file that the guest can read, and the file.
    pub(in crate::backend::vm) order: Option<(&'a str, &'a File)>,
    /// Where packets go.
    pub(in crate::backend::vm) packets: Option<&'a File>,
    pub(in crate::backend::vm) begin: Begin,
}

/// How a machine begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::backend::vm) enum Begin {
    /// It boots.
    Boot,
    /// It boots, and stops where its guest asks for that.
    BootAndStop,
    /// It waits for what it was before.
    Restore,
}

/// A machine that runs.
#[derive(Debug)]
pub(in crate::backend::vm) struct Running {
    pub(in crate::backend::vm) child: Child,
    pub(in crate::backend::vm) events: pipe::Receiver,
    pub(in crate::backend::vm) console: pipe::Receiver,
    pub(in crate::backend::vm) stderr: ChildStderr,
    pub(in crate::backend::vm) monitor: UnixStream,
}

/// Starts a machine. To be called on a thread that lives as long as the machine shall. Each input and output is a descriptor that the
/// process inherits: none has a name on disk.
pub(in crate::backend::vm) fn start(program: &Path, parts: &Parts<'_>) -> io::Result<Running> {
    let (events, tell_events) = io::pipe()?;
    let (console, tell_console) = io::pipe()?;
    let (monitor, theirs) = StdUnixStream::pair()?;
    let nowhere = File::options().write(true).open("/dev/null")?;
    let packets = parts.packets.unwrap_or(&nowhere);

    let mut command = Command::new(program);
    // By its name it is known as ours, should it be left (`lab::leaks`).
    command.args(["-name", env!("CARGO_PKG_NAME")]);
    command.args(parts.hardware.arguments());
    command.arg("-kernel").arg(parts.kernel);
    command.args(["-initrd", &own_descriptor(parts.initramfs)]);
    command.args(["-append", &parts.hardware.kernel_words()]);
    let mut inherited: Vec<&dyn AsRawFd> = vec![parts.initramfs, &theirs];
    if let Some((name, file)) = parts.order {
        inherited.push(file);
        command.arg("-fw_cfg");
        command.arg(format!("name={name},file={}", own_descriptor(file)));
    }
    let outputs: [(&str, &dyn AsRawFd); 3] = [
        ("events", &tell_events),
        ("packets", packets),
        ("console", &tell_console),
    ];
    for (name, file) in outputs {
        inherited.push(file);
        command.arg("-chardev");
        command.arg(format!("file,id={name},path={}", own_descriptor(file)));
    }
    command.arg("-chardev");
    command.arg(format!("socket,id=monitor,fd={}", theirs.as_raw_fd()));
    command.args(["-mon", "chardev=monitor,mode=control"]);
    match parts.begin {
        Begin::Boot => {}
        Begin::BootAndStop => {
            command.args(["-action", "panic=pause"]);
        }
        Begin::Restore => {
            command.args(["-incoming", "defer"]);
        }
    }
    // In a process group of its own, so that Ctrl-C on the terminal reaches only us.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    die_with_parent(command.as_std_mut());
    hand_down(command.as_std_mut(), &inherited);
    let mut child = command.spawn()?;
    let stderr = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
    monitor.set_nonblocking(true)?;
    Ok(Running {
        child,
        events: receiver(events)?,
        console: receiver(console)?,
        stderr,
        monitor: UnixStream::from_std(monitor)?,
    })
}

fn receiver(pipe: PipeReader) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(OwnedFd::from(pipe))
}
