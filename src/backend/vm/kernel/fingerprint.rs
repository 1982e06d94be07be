//! SHA-256 digests in hexadecimal, which identify files by their content.

use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::input_file;

pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(crate) fn of_file(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut input_file::open(path)?, &mut Hashing(&mut digest))?;
    Ok(hexadecimal(&digest.finalize()))
}

/// Returns the digest of an image and of every module with its name, sorted by name. Files that depmod(8) made are
/// left out, since they depend on the machine where it ran.
pub(crate) fn of_kernel(image: &Path, modules: Option<&Path>) -> io::Result<String> {
    let mut digest = Sha256::new();
    digest.update(of_file(image)?);
    if let Some(folder) = modules {
        for path in super::module_files::all(folder)? {
            let name = path.strip_prefix(folder).unwrap_or(&path);
            digest.update(format!("\n{} ", name.display()));
            digest.update(of_file(&path)?);
        }
    }
    Ok(hexadecimal(&digest.finalize()))
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_files_have_the_published_digest() {
        // FIPS 180-2, appendix B.1.
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_bytes(b"abc"), of_abc);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(of_file(&path).unwrap(), of_abc);
    }
}
