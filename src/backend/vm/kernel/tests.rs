//! Tests of the store as its users see it: what is added is found, no kernel is incomplete, and errors
//! suggest what to do.

use std::fs;
use std::path::{Path, PathBuf};

use super::deb::tests::package;
use super::image::tests::image;
use super::{Kernel, KernelError, Store, StoreError};

struct TestStore {
    folder: tempfile::TempDir,
    store: Store,
}

impl TestStore {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("kernels"));
        Self { folder, store }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A Debian package with an image and a module.
    fn debian(&self, release: &str) -> PathBuf {
        let bytes = package(
            &format!("Package: linux-image-{release}\nMaintainer: Debian Kernel Team <a@b>\n"),
            &[
                (&format!("./boot/vmlinuz-{release}"), &image(release)),
                (&format!("./lib/modules/{release}/veth.ko"), b"veth"),
            ],
        );
        self.file(&format!("linux-image-{release}.deb"), &bytes)
    }

    fn add(&self, release: &str) -> Kernel {
        let added = self.store.add(&[self.debian(release)], None, None).unwrap();
        assert!(!added.was_there);
        added.kernel
    }

    fn contents(&self) -> Vec<String> {
        let entries = fs::read_dir(self.store.folder()).into_iter().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".held")
            .collect();
        names.sort();
        names
    }
}

fn resolve(text: &str, store: &Store) -> Result<Kernel, KernelError> {
    with_modules(text, None, store)
}

fn with_modules(text: &str, modules: Option<&Path>, store: &Store) -> Result<Kernel, KernelError> {
    Kernel::resolve(text, modules, || Ok(store.clone()))
}

#[test]
fn a_kernel_is_found_by_its_name_its_release_and_their_beginnings() {
    let place = TestStore::new();
    let added = place.add("6.1.0-56-cloud-amd64");
    place.add("6.12.111+deb12-cloud-amd64");
    assert_eq!(added.name, "debian-6.1.0-56-cloud-amd64");
    assert_eq!(added.release, "6.1.0-56-cloud-amd64");
    for text in [
        "debian-6.1.0-56-cloud-amd64",
        "6.1.0-56-cloud-amd64",
        "debian-6.1",
        "6.1",
        "6.1.0-56",
    ] {
        assert_eq!(resolve(text, &place.store).unwrap(), added, "{text}");
    }
    assert_eq!(
        resolve("debian-6.12", &place.store).unwrap().release,
        "6.12.111+deb12-cloud-amd64"
    );
    assert_eq!(
        fs::read(added.modules.unwrap().join("veth.ko")).unwrap(),
        b"veth"
    );
}

#[test]
fn an_ambiguous_name_is_refused_with_all_candidates() {
    let place = TestStore::new();
    place.add("6.1.0-56-amd64");
    place.add("6.1.0-57-amd64");
    let error = resolve("debian-6.1", &place.store).unwrap_err().to_string();
    assert!(
        error.contains("debian-6.1.0-56-amd64, debian-6.1.0-57-amd64"),
        "{error}"
    );
    assert!(resolve("6.1.0-57", &place.store).is_ok());
}

#[test]
fn an_unknown_name_is_answered_with_a_suggestion() {
    let place = TestStore::new();
    let empty = resolve("debian-6.1", &place.store).unwrap_err().to_string();
    assert!(empty.contains("nslab kernel add"), "{empty}");
    place.add("6.1.0-56-amd64");
    let error = resolve("debain-6.1", &place.store).unwrap_err().to_string();
    assert!(
        error.contains("did you mean `debian-6.1.0-56-amd64`?"),
        "{error}"
    );
}

#[test]
fn a_package_given_as_a_kernel_is_added_to_the_store_once() {
    let place = TestStore::new();
    let path = place.debian("6.1.0");
    let text = path.to_str().unwrap();
    let first = resolve(text, &place.store).unwrap();
    assert_eq!(first.name, "debian-6.1.0");
    assert_eq!(resolve(text, &place.store).unwrap(), first);
    assert_eq!(place.contents(), ["debian-6.1.0"]);
}

#[test]
fn a_package_given_by_its_path_is_used_even_if_another_has_its_name() {
    let place = TestStore::new();
    place.add("6.1.0");
    let signed = package(
        "Package: linux-image-6.1.0\nMaintainer: Debian Signing <a@b>\n",
        &[
            ("./boot/vmlinuz-6.1.0", &image("6.1.0")),
            ("./lib/modules/6.1.0/veth.ko", b"veth, signed"),
        ],
    );
    let path = place.file("signed.deb", &signed);
    let kernel = resolve(path.to_str().unwrap(), &place.store).unwrap();
    let modules = kernel.modules.clone().unwrap();
    let veth = modules.join("veth.ko");
    assert_eq!(fs::read(veth).unwrap(), b"veth, signed", "{modules:?}");
    assert_eq!(
        resolve(path.to_str().unwrap(), &place.store).unwrap(),
        kernel
    );
    assert_eq!(
        resolve("debian-6.1", &place.store).unwrap().name,
        "debian-6.1.0"
    );
}

#[test]
fn an_image_with_its_modules_is_the_same_kernel_in_any_folder() {
    let place = TestStore::new();
    let image = place.file("bzImage", &image("4.9.337"));
    let modules = place.folder.path().join("mine/lib/modules/4.9.337/kernel");
    fs::create_dir_all(&modules).unwrap();
    fs::write(modules.join("veth.ko"), "veth").unwrap();
    let root = place.folder.path().join("mine");

    let by_path = with_modules(image.to_str().unwrap(), Some(&root), &place.store).unwrap();
    assert_eq!(by_path.name, "4.9.337");
    let added = place
        .store
        .add(std::slice::from_ref(&image), Some(&root), Some("mine"))
        .unwrap();
    assert_eq!(added.kernel.hash, by_path.hash);
    assert_eq!(resolve("mine", &place.store).unwrap(), added.kernel);

    fs::write(modules.join("veth.ko"), "another veth").unwrap();
    let changed = with_modules(image.to_str().unwrap(), Some(&root), &place.store).unwrap();
    assert_ne!(changed.hash, by_path.hash);
    let error = place
        .store
        .add(&[image], Some(&root), Some("mine"))
        .unwrap_err();
    assert!(matches!(error, StoreError::Taken { .. }), "{error}");
}

#[test]
fn a_folder_without_modules_of_this_kernel_is_refused() {
    let place = TestStore::new();
    let image = place.file("bzImage", &image("4.9.337"));
    let empty = tempfile::tempdir().unwrap();
    let error = with_modules(image.to_str().unwrap(), Some(empty.path()), &place.store);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("has no modules for Linux 4.9.337"),
        "{error}"
    );
}

#[test]
fn incomplete_packages_are_refused_with_the_name_of_the_missing_one() {
    let place = TestStore::new();
    let add = |files: &[PathBuf]| place.store.add(files, None, None).unwrap_err().to_string();

    let meta = package(
        "Package: linux-image-amd64\nDepends: linux-image-6.1.0-56-amd64 (= 6.1)\n",
        &[],
    );
    let error = add(&[place.file("meta.deb", &meta)]);
    assert!(
        error.contains("apt-get download linux-image-6.1.0-56-amd64"),
        "{error}"
    );

    let alone = package(
        "Package: linux-image-6.8.0-60-generic\nMaintainer: Ubuntu Kernel Team\n\
         Depends: kmod, linux-modules-6.8.0-60-generic\n",
        &[(
            "./boot/vmlinuz-6.8.0-60-generic",
            &image("6.8.0-60-generic"),
        )],
    );
    let alone = place.file("image.deb", &alone);
    let error = add(std::slice::from_ref(&alone));
    assert!(
        error.contains("apt-get download linux-modules-6.8.0-60-generic"),
        "{error}"
    );

    let modules = |release: &str| {
        let path = format!("./lib/modules/{release}/kernel/veth.ko");
        let bytes = package("Package: linux-modules\n", &[(&path, b"veth")]);
        place.file(&format!("modules-{release}.deb"), &bytes)
    };
    let error = add(&[modules("6.8.0-60-generic")]);
    assert!(error.contains("add the linux-image package too"), "{error}");
    let error = add(&[alone.clone(), modules("6.8.0-61-generic")]);
    assert!(
        error.contains("the modules are for 6.8.0-61-generic"),
        "{error}"
    );
    let error = add(&[alone.clone(), place.file("bzImage", &image("6.8.0"))]);
    assert!(error.contains("give one image"), "{error}");
    assert_eq!(place.contents(), [""; 0]);

    let both = place
        .store
        .add(&[alone, modules("6.8.0-60-generic")], None, None);
    assert_eq!(both.unwrap().kernel.name, "ubuntu-6.8.0-60-generic");
}

#[test]
fn a_truncated_image_is_not_added() {
    let place = TestStore::new();
    let mut bytes = image("6.1.0");
    bytes.truncate(1200);
    let path = place.file("bzImage", &bytes);
    for error in [
        resolve(path.to_str().unwrap(), &place.store)
            .unwrap_err()
            .to_string(),
        place
            .store
            .add(std::slice::from_ref(&path), None, None)
            .unwrap_err()
            .to_string(),
    ] {
        assert!(
            error.contains("cannot boot") && error.contains("bzImage"),
            "{error}"
        );
    }
    assert_eq!(place.contents(), [""; 0]);
}

#[test]
fn leftovers_of_a_killed_process_are_removed_by_the_next_change() {
    let place = TestStore::new();
    let left = place.store.folder().join(".under-way-abc/kernel");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("image"), "half of one").unwrap();
    assert_eq!(place.store.names().unwrap(), [""; 0]);
    place.add("6.1.0");
    assert_eq!(place.contents(), ["debian-6.1.0"]);
}

#[test]
fn a_kernel_is_removed_completely_even_if_its_description_is_broken() {
    let place = TestStore::new();
    place.add("6.1.0");
    place.add("6.2.0");
    fs::write(place.store.folder().join("debian-6.2.0/kernel.json"), "{").unwrap();
    assert!(matches!(
        resolve("debian-6.2.0", &place.store),
        Err(KernelError::Store(StoreError::Broken { .. }))
    ));
    // A broken kernel does not hide the others.
    assert!(resolve("6.1", &place.store).is_ok());
    assert_eq!(place.store.remove("debian-6.2.0").unwrap(), "debian-6.2.0");
    assert_eq!(place.store.remove("6.1").unwrap(), "debian-6.1.0");
    assert_eq!(place.contents(), [""; 0]);
    let error = place.store.remove("6.1").unwrap_err().to_string();
    assert!(error.contains("no kernel named `6.1`"), "{error}");
}

#[test]
fn a_name_that_leads_out_of_the_store_is_refused() {
    let place = TestStore::new();
    let deb = place.debian("6.1.0");
    for name in ["../out", "host", ".hidden", "", "a/b", "a b"] {
        let error = place
            .store
            .add(std::slice::from_ref(&deb), None, Some(name))
            .unwrap_err();
        assert!(matches!(error, StoreError::Name { .. }), "{name}: {error}");
    }
    assert!(!Path::new(place.folder.path()).join("out").exists());
}
