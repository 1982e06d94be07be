//! The boundary around a program that is not trusted: what it sees, what it may do, and how much it may use.
//!
//! The calling thread gets a view of the file system without write access (`mounts`). Each program then runs below
//! two processes of its own, so that everything that it starts ends with it (`init`):
//!
//! ```text
//! the thread ---- outer: waits ---- PID 1 of a new PID namespace: reaps ---- the program
//! ```
//!
//! The program keeps few capabilities (`capabilities`), cannot gain new ones, makes no system call that administers
//! the machine (`filter`), and has limits (`limits`).
//!
//! The processes are forked and not executed anew, because a test program that uses this library has no verb for it.
//! Everything that needs memory is therefore prepared before the fork.

mod capabilities;
mod filter;
mod init;
mod limits;
mod mounts;
mod proc_view;

use std::io;
use std::path::PathBuf;
use std::process::Command;

use self::capabilities::Credentials;
use self::filter::SyscallFilter;
use self::limits::ProgramLimits;
use self::proc_view::ProcView;

pub use self::capabilities::{BASIC, Capability, keep_only};
pub use self::init::PROCESS_NAME;
pub use self::mounts::{HOMES, SHARED_MEMORY, is_secret};

/// The needs of a program beyond those of every program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfinementOptions {
    /// Capabilities in addition to [`BASIC`], as far as this process has them.
    pub capabilities: Vec<Capability>,
    /// True if the program stays root where this process is root.
    pub as_root: bool,
    /// True if it sees the folders of users.
    pub homes: bool,
    /// Files and folders that it sees in any case.
    pub visible: Vec<PathBuf>,
    /// True for a program without a boundary: it only has shared memory of its own.
    pub unconfined: bool,
}

/// The boundary of one program, ready to be put around it.
#[derive(Debug)]
pub struct Confinement {
    credentials: Credentials,
    filter: SyscallFilter,
    limits: ProgramLimits,
    proc: ProcView,
    unconfined: bool,
}

impl Confinement {
    /// Gives the calling thread the view of the file system that its programs have, and prepares the rest of the
    /// boundary. The thread needs CAP_SYS_ADMIN in its user namespace.
    ///
    /// # Errors
    /// The kernel refuses a namespace, a mount or the filter.
    pub fn enter(options: &ConfinementOptions) -> io::Result<Self> {
        let credentials = Credentials::choose(options)?;
        mounts::enter(options)?;
        Ok(Self {
            filter: SyscallFilter::build(&options.capabilities)?,
            limits: ProgramLimits::of_this_machine()?,
            proc: ProcView::prepare()?,
            credentials,
            unconfined: options.unconfined,
        })
    }

    /// Returns the user and group that the program runs as; `None` if they stay the same.
    pub fn user(&self) -> Option<u32> {
        self.credentials.user().filter(|_| !self.unconfined)
    }

    /// Puts the boundary around a program, which must be started by the thread that entered it.
    #[expect(unsafe_code, reason = "runs in the child between fork and exec")]
    pub fn surround(self, command: &mut Command) {
        use std::os::unix::process::CommandExt;

        // SAFETY: between fork and exec `enclose` makes system calls only, on memory that was prepared before.
        unsafe {
            command.pre_exec(move || self.enclose());
        }
    }

    /// Turns the calling process into the two outer processes, and returns in the innermost.
    fn enclose(&self) -> io::Result<()> {
        if self.unconfined {
            return Ok(());
        }
        init::split(&self.proc)?;
        init::leave_session();
        init::restore_signal();
        self.limits.apply()?;
        init::close_other_descriptors();
        self.credentials.assume()?;
        self.filter.install()
    }
}
