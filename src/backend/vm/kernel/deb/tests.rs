//! Packages that tests make, and packages that are damaged or hostile.

use super::*;

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        // The crate would refuse a path that leads out of the archive, so the name is written directly.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = AR.to_vec();
    for (name, body) in members {
        bytes.extend(
            format!(
                "{name:<16}0           0     0     100644  {:<10}`\n",
                body.len()
            )
            .bytes(),
        );
        bytes.extend(*body);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

pub(crate) fn package(control: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let zstd = |bytes: Vec<u8>| {
        ruzstd::encoding::compress_to_vec(&bytes[..], ruzstd::encoding::CompressionLevel::Fastest)
    };
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &tar(&[("./control", control.as_bytes())])),
        ("data.tar.zst", &zstd(tar(files))),
    ])
}

fn unpacked(bytes: &[u8]) -> (Result<Package, DebError>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.deb");
    fs::write(&path, bytes).unwrap();
    let parts = KernelPaths {
        image: &folder.path().join("image"),
        config: &folder.path().join("config"),
        modules: &folder.path().join("modules"),
    };
    (unpack(&path, parts), folder)
}

const CONTROL: &str = "Package: linux-image-6.1.0\nMaintainer: Debian Kernel Team <a@b>\n\
    Depends: kmod, linux-base\n";

#[test]
fn image_configuration_and_modules_are_unpacked_and_nothing_else() {
    let bytes = package(
        CONTROL,
        &[
            ("./boot/vmlinuz-6.1.0", b"image"),
            ("./boot/config-6.1.0", b"CONFIG_VETH=m"),
            ("./boot/System.map-6.1.0", b"map"),
            ("./usr/lib/modules/6.1.0/kernel/net/veth.ko", b"veth"),
            ("./usr/share/doc/linux/README", b"read me"),
        ],
    );
    let (package, folder) = unpacked(&bytes);
    let package = package.unwrap();
    assert_eq!(package.name, "linux-image-6.1.0");
    assert_eq!(package.maintainer, "Debian Kernel Team <a@b>");
    assert_eq!(package.depends, "kmod, linux-base");
    assert_eq!(package.image.as_deref(), Some("6.1.0"));
    assert_eq!(package.modules.as_deref(), Some("6.1.0"));
    let read = |path: &str| fs::read(folder.path().join(path)).unwrap();
    assert_eq!(read("image"), b"image");
    assert_eq!(read("config"), b"CONFIG_VETH=m");
    assert_eq!(read("modules/kernel/net/veth.ko"), b"veth");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn a_path_that_leads_out_of_the_package_is_refused() {
    for path in [
        "./lib/modules/6.1.0/../../../../outside",
        "/lib/modules/6.1.0/a.ko",
        "../outside",
    ] {
        let (package, folder) = unpacked(&package(CONTROL, &[(path, b"x")]));
        let error = package.unwrap_err();
        assert!(matches!(error, DebError::Unsafe(_)), "{path}: {error}");
        assert!(!folder.path().parent().unwrap().join("outside").exists());
    }
}

#[test]
fn a_long_path_is_read_and_one_without_end_is_refused() {
    let long = format!("./lib/modules/6.1.0/{}/a.ko", "kernel/".repeat(30));
    let with_long = |length: usize| {
        let mut builder = tar::Builder::new(Vec::new());
        for (kind, path, bytes) in [
            (
                EntryType::GNULongName,
                "././@LongLink",
                [long.as_bytes(), &vec![0; length]].concat(),
            ),
            (EntryType::Regular, "cut", b"module".to_vec()),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(bytes.len() as u64);
            header.set_path(path).unwrap();
            header.set_cksum();
            builder.append(&header, &bytes[..]).unwrap();
        }
        let body = builder.into_inner().unwrap();
        let control = tar(&[("./control", CONTROL.as_bytes())]);
        unpacked(&ar(&[("control.tar", &control), ("data.tar", &body)]))
    };
    let (package, folder) = with_long(1);
    assert_eq!(package.unwrap().modules.as_deref(), Some("6.1.0"));
    let below = long.strip_prefix("./lib/modules/6.1.0").unwrap();
    let written = folder.path().join(format!("modules{below}"));
    assert_eq!(fs::read(written).unwrap(), b"module");
    let error = with_long(1 << 20).0.unwrap_err();
    assert!(matches!(error, DebError::TooLarge(_)), "{error}");
}

#[test]
fn a_truncated_package_is_an_error_wherever_it_ends() {
    let whole = package(CONTROL, &[("./boot/vmlinuz-6.1.0", &[7; 3000])]);
    for length in (0..whole.len() - 1).step_by(37) {
        let (package, _folder) = unpacked(&whole[..length]);
        assert!(package.is_err(), "{length} of {}", whole.len());
    }
    let (package, _folder) = unpacked(&whole[..whole.len() - 2]);
    let error = package.unwrap_err().to_string();
    assert!(error.starts_with("it is truncated: it has "), "{error}");
}

#[test]
fn an_unsupported_compression_is_reported_with_a_workaround() {
    let bytes = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &tar(&[("./control", CONTROL.as_bytes())])),
        ("data.tar.lzma", b"\x5d\0\0\x80\0"),
    ]);
    let error = unpacked(&bytes).0.unwrap_err().to_string();
    assert!(
        error.contains("data.tar.lzma") && error.contains("dpkg-deb -x"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_a_package_is_reported() {
    let (package, _folder) = unpacked(b"PK\x03\x04 something else");
    let error = package.unwrap_err().to_string();
    assert!(error.contains("not a Debian package"), "{error}");
    let (package, _folder) = unpacked(&ar(&[("debian-binary", b"2.0\n")]));
    assert!(package.unwrap_err().to_string().contains("no data.tar"));
}

#[test]
fn two_kernels_in_one_package_are_refused() {
    let bytes = package(
        CONTROL,
        &[
            ("./boot/vmlinuz-6.1.0", b"x"),
            ("./boot/vmlinuz-6.2.0", b"x"),
        ],
    );
    assert!(matches!(unpacked(&bytes).0, Err(DebError::Several(..))));
}
