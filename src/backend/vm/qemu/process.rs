//! A QEMU process: what enters it beforehand, what comes out of it, and its certain end.

use std::fs::File;
use std::io::{self, PipeReader, Write};
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
pub(crate) struct Parts<'a> {
    pub(crate) hardware: Hardware,
    pub(crate) kernel: &'a Path,
    pub(crate) initramfs: &'a File,
    /// The name of a file that the guest can read, and the file.
    pub(crate) order: Option<(&'a str, &'a File)>,
    /// Where packets go.
    pub(crate) packets: Option<&'a File>,
    pub(crate) begin: Begin<'a>,
}

/// How a machine begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Begin<'a> {
    /// It boots.
    Boot,
    /// It boots, and stops where its guest asks for that, to be saved where files for that are given.
    BootAndStop(Option<Saved<'a>>),
    /// It goes on as what it was before.
    Restore {
        /// What its memory was, which stays as it is.
        memory: &'a File,
        /// What its processor and its devices were.
        devices: &'a [u8],
    },
}

/// Where a machine is saved to. Both sides know these files by the same numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Saved<'a> {
    /// Its memory all the time, from the file's start on.
    pub(crate) memory: &'a File,
    /// What its processor and its devices are in the end.
    pub(crate) devices: &'a File,
}

/// QEMU's words for a memory that is a file's.
fn memory(hardware: Hardware, file: &File, written: bool) -> [String; 4] {
    let share = if written { "on" } else { "off" };
    let object = format!(
        "memory-backend-file,id=memory,size={}M,mem-path={},share={share}",
        hardware.memory,
        own_descriptor(file)
    );
    // What is saved is its devices alone, without a description of them.
    let machine = "memory-backend=memory,suppress-vmdesc=on";
    ["-object", &object, "-machine", machine].map(str::to_owned)
}

/// A socket from which these bytes are to be read. It takes some 200 KB (`net.core.wmem_default`).
fn told(bytes: &[u8]) -> io::Result<StdUnixStream> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    (&ours).write_all(bytes)?;
    Ok(theirs)
}

/// A machine that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) events: pipe::Receiver,
    pub(crate) console: pipe::Receiver,
    pub(crate) stderr: ChildStderr,
    /// Where it stops by itself.
    pub(crate) monitor: Option<UnixStream>,
}

/// Starts a machine. To be called on a thread that lives as long as the machine shall. Each input and output is a descriptor that the
/// process inherits: none has a name on disk.
pub(crate) fn start(program: &Path, parts: &Parts<'_>) -> io::Result<Running> {
    let (events, tell_events) = io::pipe()?;
    let (console, tell_console) = io::pipe()?;
    let monitor = match parts.begin {
        Begin::BootAndStop(_) => Some(StdUnixStream::pair()?),
        Begin::Boot | Begin::Restore { .. } => None,
    };
    let nowhere = File::options().write(true).open("/dev/null")?;
    let packets = parts.packets.unwrap_or(&nowhere);
    let devices = match parts.begin {
        Begin::Restore { devices, .. } => Some(told(devices)?),
        Begin::Boot | Begin::BootAndStop(_) => None,
    };

    let mut command = Command::new(program);
    // By its name it is known as ours, should it be left (`lab::leaks`).
    command.args(["-name", env!("CARGO_PKG_NAME")]);
    command.args(parts.hardware.arguments());
    command.arg("-kernel").arg(parts.kernel);
    command.args(["-initrd", &own_descriptor(parts.initramfs)]);
    command.args(["-append", &parts.hardware.kernel_words()]);
    let mut inherited: Vec<&dyn AsRawFd> = vec![parts.initramfs];
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
    if let Some((_, theirs)) = &monitor {
        inherited.push(theirs);
        command.arg("-chardev");
        command.arg(format!("socket,id=monitor,fd={}", theirs.as_raw_fd()));
        command.args(["-mon", "chardev=monitor,mode=control"]);
    }
    match parts.begin {
        Begin::Boot => {}
        Begin::BootAndStop(to) => {
            command.args(["-action", "panic=pause"]);
            if let Some(to) = to {
                inherited.extend([to.memory as &dyn AsRawFd, to.devices]);
                command.args(memory(parts.hardware, to.memory, true));
            }
        }
        Begin::Restore { memory: file, .. } => {
            inherited.push(file);
            command.args(memory(parts.hardware, file, false));
        }
    }
    if let Some(devices) = &devices {
        inherited.push(devices);
        command.args(["-incoming", &format!("fd:{}", devices.as_raw_fd())]);
        // Nor does it begin with a configuration.
        command.args(["-global", "migration.send-configuration=off"]);
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
    let monitor = monitor.map(|(ours, _)| {
        ours.set_nonblocking(true)?;
        UnixStream::from_std(ours)
    });
    Ok(Running {
        child,
        events: receiver(events)?,
        console: receiver(console)?,
        stderr,
        monitor: monitor.transpose()?,
    })
}

fn receiver(pipe: PipeReader) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(OwnedFd::from(pipe))
}
