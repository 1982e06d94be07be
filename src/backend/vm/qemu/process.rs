//! A QEMU process: its inputs, its outputs, and its end, at the latest with this process.

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
use crate::sys::lifeline::{MACHINE_OF, die_with_parent, hand_down, own_descriptor};

/// Everything that a machine is started with.
#[derive(Debug)]
pub(crate) struct MachineParts<'a> {
    pub(crate) hardware: Hardware,
    pub(crate) kernel: &'a Path,
    pub(crate) initramfs: &'a File,
    /// A file that the guest can read, and its name there.
    pub(crate) order: Option<(&'a str, &'a File)>,
    /// The file that packets are written to.
    pub(crate) packets: Option<&'a File>,
    pub(crate) start_mode: StartMode<'a>,
}

/// The way in which a machine starts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StartMode<'a> {
    /// The guest boots and runs.
    Boot,
    /// The guest boots and then stops itself. If files are given, the machine is saved to them.
    BootAndStop(Option<Saved<'a>>),
    /// It continues from a saved state.
    Restore {
        /// Its memory, which stays unchanged.
        memory: &'a File,
        /// The state of its processor and devices.
        devices: &'a [u8],
    },
}

/// The files that a machine is saved to. Both processes have them open under the same numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Saved<'a> {
    /// Its memory from the file's start on, at all times.
    pub(crate) memory: &'a File,
    /// The state of its processor and devices at the end.
    pub(crate) devices: &'a File,
}

/// Returns QEMU's arguments for a memory that is a file.
fn memory(hardware: Hardware, file: &File, written: bool) -> [String; 4] {
    let share = if written { "on" } else { "off" };
    let object = format!(
        "memory-backend-file,id=memory,size={}M,mem-path={},share={share}",
        hardware.memory,
        own_descriptor(file)
    );
    // Only its devices are saved, without a description of them.
    let machine = "memory-backend=memory,suppress-vmdesc=on";
    ["-object", &object, "-machine", machine].map(str::to_owned)
}

/// Returns a socket from which these bytes can be read. It holds some 200 KB (`net.core.wmem_default`).
fn socket_with(bytes: &[u8]) -> io::Result<StdUnixStream> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    (&ours).write_all(bytes)?;
    Ok(theirs)
}

#[derive(Debug)]
pub(crate) struct RunningMachine {
    pub(crate) child: Child,
    pub(crate) events: pipe::Receiver,
    pub(crate) console: pipe::Receiver,
    pub(crate) stderr: ChildStderr,
    /// Present if the machine stops by itself.
    pub(crate) monitor: Option<UnixStream>,
}

/// Starts a machine. Must be called on a thread that lives as long as the machine. Each input and output is a
/// descriptor that the process inherits; none has a name on disk.
pub(crate) fn start(program: &Path, parts: &MachineParts<'_>) -> io::Result<RunningMachine> {
    let (events, write_events) = io::pipe()?;
    let (console, write_console) = io::pipe()?;
    let monitor = match parts.start_mode {
        StartMode::BootAndStop(_) => Some(StdUnixStream::pair()?),
        StartMode::Boot | StartMode::Restore { .. } => None,
    };
    let nowhere = File::options().write(true).open("/dev/null")?;
    let packets = parts.packets.unwrap_or(&nowhere);
    let devices = match parts.start_mode {
        StartMode::Restore { devices, .. } => Some(socket_with(devices)?),
        StartMode::Boot | StartMode::BootAndStop(_) => None,
    };

    let mut command = Command::new(program);
    // The name identifies the process as ours in case it is left behind (`lab::leaks`).
    let name = format!("{}{}", MACHINE_OF, std::process::id());
    command.args(["-name", &name]);
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
        ("events", &write_events),
        ("packets", packets),
        ("console", &write_console),
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
    match parts.start_mode {
        StartMode::Boot => {}
        StartMode::BootAndStop(to) => {
            command.args(["-action", "panic=pause"]);
            if let Some(to) = to {
                inherited.extend([to.memory as &dyn AsRawFd, to.devices]);
                command.args(memory(parts.hardware, to.memory, true));
            }
        }
        StartMode::Restore { memory: file, .. } => {
            inherited.push(file);
            command.args(memory(parts.hardware, file, false));
        }
    }
    if let Some(devices) = &devices {
        inherited.push(devices);
        command.args(["-incoming", &format!("fd:{}", devices.as_raw_fd())]);
        // The saved state does not begin with a configuration.
        command.args(["-global", "migration.send-configuration=off"]);
    }
    // It gets its own process group, so that Ctrl-C on the terminal reaches only this process.
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
    Ok(RunningMachine {
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
