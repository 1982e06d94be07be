//! Names by content: SHA-256, in hexadecimal.

use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Of bytes.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Of a file.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn of_file(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut File::open(path)?, &mut Hashing(&mut digest))?;
    Ok(hexadecimal(&digest.finalize()))
}

/// Of an image and every module with its name, in the order of their names. What depmod(8) has made of them is left out: it depends on
/// who ran it.
///
/// # Errors
/// Where one of them cannot be read.
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
