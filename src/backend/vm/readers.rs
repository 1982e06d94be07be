//! Everything that reads kernels, their packages and modules, programs and QEMU's answers, as functions of bytes.

use std::io::Cursor;
use std::path::Path;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use super::image::{libraries, programs};
use super::kernel::deb::{self, KernelPaths};
use super::kernel::image::release;
use super::modules::{self, modinfo, signature};
use super::qemu::monitor::Monitor;

/// Whatever a package holds, nothing is written outside the paths given.
pub(crate) fn package(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let inside = |name: &str| folder.path().join("inside").join(name);
    std::fs::create_dir(folder.path().join("inside")).expect("a folder");
    let to = KernelPaths {
        image: &inside("image"),
        config: &inside("config"),
        modules: &inside("modules"),
    };
    let _unpacked = deb::unpack_stream(Cursor::new(bytes), bytes.len() as u64, to);
    let all = std::fs::read_dir(folder.path()).expect("the folder");
    assert_eq!(all.count(), 1, "nothing is written beside the folder");
}

pub(crate) fn image(bytes: &[u8]) {
    if let Ok(release) = release(bytes) {
        assert!(release.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}

pub(crate) fn module(bytes: &[u8]) {
    let _description = modinfo::ModInfo::of(bytes);
    assert!(signature::without(bytes.to_vec()).len() <= bytes.len());
}

pub(crate) fn modules_dep(bytes: &[u8]) {
    let _modules = modules::parse_modules_dep(Path::new("/"), &String::from_utf8_lossy(bytes));
}

pub(crate) fn program(bytes: &[u8]) {
    if let Some(object) = programs::Object::read(bytes) {
        assert!(object.kept(bytes.to_vec()).len() <= bytes.len());
    }
}

pub(crate) fn library_cache(bytes: &[u8]) {
    let _cache = libraries::LibraryCache::parse(bytes);
}

/// QEMU sends these bytes and ends.
pub(crate) fn monitor(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    runtime.expect("a runtime").block_on(async {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        let sends = async {
            // An error of the reader ends the connection.
            let _sent = theirs.write_all(bytes).await;
            let _ended = theirs.shutdown().await;
            // Its commands are read, or else it would wait until there is room for them.
            let _read = tokio::io::copy(&mut theirs, &mut tokio::io::sink()).await;
        };
        let reads = async {
            if let Ok(mut monitor) = Monitor::open(ours).await {
                let _answer = monitor.execute("stop", serde_json::json!({})).await;
                let _event = monitor.event("STOP").await;
            }
        };
        tokio::join!(sends, reads);
    });
}
