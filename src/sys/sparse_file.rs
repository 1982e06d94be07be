//! Sparse files: holes in place of zeros (lseek(2), "Seeking file data and holes").

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

const PAGE: usize = 4096;
/// Bytes per read.
const PIECE: usize = 256 * PAGE;

/// Calls `page` with the offset and contents of each page (4096 bytes, fewer at the end) that is not all zeros,
/// within the first `length` bytes.
///
/// # Errors
/// The errors of reading, and those of `page`.
pub fn for_each_filled_page(
    file: &File,
    length: u64,
    mut page: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while let Some(data) = next_data(file, at)?.filter(|data| *data < length) {
        // The file system reports the start of data in blocks of its own size.
        at = data - data % PAGE as u64;
        let wanted = (length - at).min(PIECE as u64);
        let piece = &mut piece[..wanted as usize];
        file.read_exact_at(piece, at)?;
        for bytes in piece.chunks(PAGE) {
            if *bytes != [0; PAGE][..bytes.len()] {
                page(at, bytes)?;
            }
            at += bytes.len() as u64;
        }
    }
    Ok(())
}

/// Returns the offset of the first data at or after a position.
fn next_data(file: &File, at: u64) -> io::Result<Option<u64>> {
    let from = i64::try_from(at).map_err(io::Error::other)?;
    match lseek(file.as_fd(), from, Whence::SeekData) {
        Ok(data) => Ok(u64::try_from(data).ok()),
        Err(Errno::ENXIO) => Ok(None),
        // The file system does not support holes.
        Err(Errno::EINVAL) => Ok(Some(at)),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_zeros_are_left_out_wherever_they_are() {
        let file = tempfile::tempfile().unwrap();
        let page = PAGE as u64;
        // A hole of many pieces, one byte, explicit zeros, and a byte at the end of the last piece.
        let far = 10 * PIECE as u64 + 3 * page;
        file.write_all_at(&[7], far + 5).unwrap();
        file.write_all_at(&[0; PAGE], far + 2 * page).unwrap();
        file.write_all_at(&[9; 10], far + 5 * page).unwrap();
        let length = far + 5 * page + 4;
        let mut found = Vec::new();
        for_each_filled_page(&file, length, |at, bytes| {
            found.push((
                at,
                bytes.len(),
                bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>(),
            ));
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [(far, PAGE, 7), (far + 5 * page, 4, 36)]);
    }

    #[test]
    fn a_file_that_is_one_hole_has_no_pages() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10 * PIECE as u64).unwrap();
        let nothing = for_each_filled_page(&file, 10 * PIECE as u64, |_, _| {
            Err(io::Error::other("a page"))
        });
        nothing.unwrap();
    }
}
