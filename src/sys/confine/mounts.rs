//! The file system as a confined program sees it: read-only, with memory of its own for what it writes, without the
//! folders of users, and with a `/dev` that holds no disk.
//!
//! Not here: `/proc`, which belongs to the program's PID namespace (`proc_view`).

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::ConfinementOptions;

/// The directory in which programs create shared memory (shm_overview(7)).
pub const SHARED_MEMORY: &str = "/dev/shm";

/// Bytes and files of each file system in memory. A scenario's files take a few kilobytes; `nginx` and `squid` write
/// some more.
const ROOMY: &str = "mode=1777,size=256m,nr_inodes=16384";
/// The same for a file system that only hides another one.
const HIDING: &str = "mode=755,size=64k,nr_inodes=256";

/// Folders for temporary files and sockets of services, which are replaced by empty ones.
const REPLACED: [&str; 3] = ["/tmp", "/var/tmp", "/run"];
/// Folders of users, and of whatever is plugged in.
pub const HOMES: [&str; 4] = ["/home", "/root", "/media", "/mnt"];
/// Files and folders of secrets that root may read. They matter only to a program that stays root, and to one in a
/// virtual machine, where it is root.
const SECRETS: [&str; 15] = [
    "/boot",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/security/opasswd",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/krb5.keytab",
    "/etc/wireguard",
    "/etc/kubernetes",
    "/etc/NetworkManager/system-connections",
    "/var/lib/systemd/random-seed",
];
/// Devices of every program: none of them reaches the hardware.
const DEVICES: [&str; 7] = [
    "null", "zero", "full", "random", "urandom", "tty", "net/tun",
];
/// Links of `/dev` (proc_pid_fd(5), pts(4)).
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Returns true if a path leads to a secret of the machine, or below one.
pub fn is_secret(path: &Path) -> bool {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    SECRETS.iter().any(|secret| path.starts_with(secret))
}

const NONE: Option<&str> = None;

/// Gives the calling thread, and everything that it starts from now on, such a view, and host name and System V
/// shared memory of its own.
pub(super) fn enter(options: &ConfinementOptions) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS)?;
    // New in Linux 4.6. Without it, the program sees the names of the groups that it is in.
    let _before_4_6 = unshare(CloneFlags::CLONE_NEWCGROUP);
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)?;
    if options.unconfined {
        if !Path::new(SHARED_MEMORY).exists() {
            // An initial file system made for one program may lack it.
            fs::create_dir(SHARED_MEMORY)?;
        }
        return tmpfs(Path::new(SHARED_MEMORY), ROOMY);
    }
    let visible = open_all(&options.visible);
    // Found before anything is mounted over them.
    let replaced = outermost(REPLACED.map(PathBuf::from));
    let homes = match options.homes {
        true => Vec::new(),
        false => homes(&replaced),
    };
    replace_dev()?;
    make_read_only()?;
    tmpfs(Path::new(SHARED_MEMORY), ROOMY)?;
    for folder in &replaced {
        tmpfs(folder, ROOMY)?;
    }
    for folder in &homes {
        tmpfs(folder, HIDING)?;
    }
    for secret in SECRETS
        .map(Path::new)
        .into_iter()
        .filter(|path| path.exists())
    {
        hide(secret)?;
    }
    for (path, file) in visible {
        bring_back(&path, &file)?;
    }
    // Shows the devices of the program's network namespace. Refused if parts of the old one are hidden (mount(2)
    // in a user namespace); it then stays, without write access.
    let flags = MsFlags::MS_RDONLY | no_devices();
    let _stays = mount(Some("sysfs"), "/sys", Some("sysfs"), flags, NONE);
    Ok(())
}

fn no_devices() -> MsFlags {
    MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC
}

/// Returns the folders of users, without those in folders that are replaced anyway.
fn homes(replaced: &[PathBuf]) -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    // A home elsewhere, for example of a service; never one that has the system itself below it.
    let home = home.filter(|home| home.components().count() > 2);
    let mut homes = outermost(HOMES.map(PathBuf::from).into_iter().chain(home));
    homes.retain(|folder| !replaced.iter().any(|above| folder.starts_with(above)));
    homes
}

/// Returns the folders that exist, without links in their names, and without those that lie in another of them: once
/// that is covered, they are gone.
fn outermost(folders: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let real = folders
        .into_iter()
        .filter_map(|path| path.canonicalize().ok());
    let mut real: Vec<PathBuf> = real
        .filter(|path| path.is_dir() && path != Path::new("/"))
        .collect();
    // A folder comes before those below it.
    real.sort();
    let mut outermost: Vec<PathBuf> = Vec::new();
    for folder in real {
        if !outermost.iter().any(|above| folder.starts_with(above)) {
            outermost.push(folder);
        }
    }
    outermost
}

fn tmpfs(at: &Path, options: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(
        Some("tmpfs"),
        at,
        Some("tmpfs"),
        flags,
        Some(options),
    )?)
}

/// Puts an empty file or folder in the place of another.
fn hide(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return tmpfs(path, HIDING);
    }
    Ok(mount(
        Some("/dev/null"),
        path,
        NONE,
        MsFlags::MS_BIND,
        NONE,
    )?)
}

/// Opens files and folders that may be hidden next. Those that do not exist are left out.
fn open_all(paths: &[PathBuf]) -> Vec<(PathBuf, File)> {
    let open = |path: &PathBuf| {
        let file = File::options()
            .read(true)
            .custom_flags(libc::O_PATH)
            .open(path);
        Some((path.clone(), file.ok()?))
    };
    paths.iter().filter_map(open).collect()
}

/// Mounts a file or folder at its path again if it was hidden.
fn bring_back(path: &Path, file: &File) -> io::Result<()> {
    let (there, wanted) = (path.metadata(), file.metadata()?);
    if there.is_ok_and(|there| (there.dev(), there.ino()) == (wanted.dev(), wanted.ino())) {
        return Ok(());
    }
    let is_folder = wanted.is_dir();
    let folder = if is_folder { Some(path) } else { path.parent() };
    if let Some(folder) = folder {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)?;
    }
    if !is_folder && !path.exists() {
        File::create(path)?;
    }
    let from = format!("/proc/thread-self/fd/{}", file.as_raw_fd());
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    Ok(mount(Some(from.as_str()), path, NONE, flags, NONE)?)
}

/// Replaces `/dev` by one with few devices. It is prepared elsewhere, because the old one holds what it is made of.
fn replace_dev() -> io::Result<()> {
    let empty = |place: &&str| Path::new(place).is_dir();
    let place = ["/tmp", "/run", "/mnt", "/dev/shm"].into_iter().find(empty);
    let place = place.ok_or_else(|| io::Error::other("there is no folder to prepare /dev in"))?;
    let place = Path::new(place);
    tmpfs_for_devices(place)?;
    for name in DEVICES {
        let (from, to) = (Path::new("/dev").join(name), place.join(name));
        if !from.exists() {
            continue;
        }
        if let Some(above) = to.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(above)?;
        }
        File::create(&to)?;
        mount(Some(&from), &to, NONE, MsFlags::MS_BIND, NONE)?;
    }
    for (name, target) in DEVICE_LINKS {
        symlink(target, place.join(name))?;
    }
    for name in ["pts", "shm"] {
        fs::create_dir(place.join(name))?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let (kind, options) = (Some("devpts"), Some("newinstance,ptmxmode=0666,mode=0600"));
    let _no_terminals = mount(kind, &place.join("pts"), kind, flags, options);
    Ok(mount(Some(place), "/dev", NONE, MsFlags::MS_MOVE, NONE)?)
}

fn tmpfs_for_devices(place: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let kind = Some("tmpfs");
    mount(kind, place, kind, flags, Some("mode=755,size=64k"))?;
    // The umask applies to mkdir(2), not to the root of a file system; this is for a kernel that ignores the option.
    fs::set_permissions(place, Permissions::from_mode(0o755))
}

/// Takes away write access to every mount, including those below others, and the effect of set-user-ID files.
fn make_read_only() -> io::Result<()> {
    match set_attributes_of_all(libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID) {
        // mount_setattr(2) is new in Linux 5.12.
        Err(Errno::ENOSYS) => make_read_only_one_by_one(),
        other => Ok(other?),
    }
}

#[expect(unsafe_code, reason = "mount_setattr(2) is not in nix")]
fn set_attributes_of_all(attributes: u64) -> nix::Result<()> {
    let change = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path ends with NUL, and the structure has the size that is passed; the call reads both.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            c"/".as_ptr(),
            libc::AT_RECURSIVE,
            &raw const change,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(done).map(drop)
}

/// Does the same on kernels before 5.12.
fn make_read_only_one_by_one() -> io::Result<()> {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo")?;
    for line in mounts.lines() {
        // The fifth word is the mount point, the sixth its options (proc_pid_mountinfo(5)).
        let mut words = line.split(' ').skip(4);
        let (Some(at), Some(options)) = (words.next(), words.next()) else {
            continue;
        };
        let at = unescaped(at);
        let flags =
            MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
        let result = mount(NONE, at.as_str(), NONE, flags | kept(options), NONE);
        match result {
            // A mount below another one cannot be named, and so not be reached either.
            Err(Errno::ENOENT | Errno::EINVAL | Errno::EACCES) if at != "/" => {}
            other => other?,
        }
    }
    Ok(())
}

/// Returns the flags that a remount must repeat, because a user namespace may not take them away.
fn kept(options: &str) -> MsFlags {
    let flag = |word| match word {
        "nodev" => MsFlags::MS_NODEV,
        "noexec" => MsFlags::MS_NOEXEC,
        "noatime" => MsFlags::MS_NOATIME,
        "nodiratime" => MsFlags::MS_NODIRATIME,
        "relatime" => MsFlags::MS_RELATIME,
        _ => MsFlags::empty(),
    };
    options.split(',').map(flag).collect()
}

/// Replaces the escapes of white space in a mount point (`mangle`, Linux `fs/proc_namespace.c`).
fn unescaped(path: &str) -> String {
    let escapes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    let replace = |text: String, (escape, plain)| text.replace(escape, plain);
    escapes.into_iter().fold(path.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::create_dir_all;
    use std::os::unix::fs::symlink;

    #[test]
    fn of_folders_in_each_other_only_the_outermost_is_covered() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let home = top.join("home");
        create_dir_all(home.join("user/nest")).unwrap();
        create_dir_all(top.join("other")).unwrap();
        symlink(home.join("user"), top.join("link")).unwrap();
        let folders = ["home/user/nest", "link", "home", "other", "missing"];
        assert_eq!(
            outermost(folders.map(|name| top.join(name))),
            [home, top.join("other")]
        );
        assert_eq!(outermost([PathBuf::from("/")]), [] as [PathBuf; 0]);
    }
}
