//! Decompresses bzip2, gzip, xz and zstd, recognised by their first bytes.

use std::io::{self, Cursor, Read};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;

/// The first bytes of a bzip2 stream: `BZh`, followed by the size of its blocks (bzip2 1.0.8, `compress.c`).
const BZIP2: &[u8] = b"BZh";
/// RFC 1952, 2.3.1.
const GZIP: &[u8] = &[0x1f, 0x8b];
/// The .xz file format 1.2.1, 2.1.1.1.
const XZ: &[u8] = b"\xfd7zXZ\0";
/// RFC 8878, 3.1.1.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Maximum memory for xz, in KiB: its strongest preset (-9) takes 65 MiB to decompress (xz(1)).
const XZ_MEMORY: u32 = 256 << 10;

/// Returns a reader of the decompressed data, or of the data as they are if they are not compressed.
pub(crate) fn reader<'a>(mut source: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut first = Vec::with_capacity(XZ.len());
    source
        .by_ref()
        .take(XZ.len() as u64)
        .read_to_end(&mut first)?;
    let starts = |magic: &[u8]| first.starts_with(magic);
    let (gzip, xz, zstd, bzip2) = (starts(GZIP), starts(XZ), starts(ZSTD), starts(BZIP2));
    let whole = Cursor::new(first).chain(source);
    Ok(if gzip {
        Box::new(MultiGzDecoder::new(whole))
    } else if xz {
        Box::new(XzReader::new_mem_limit(whole, true, XZ_MEMORY))
    } else if zstd {
        Box::new(StreamingDecoder::new(whole).map_err(io::Error::other)?)
    } else if bzip2 {
        Box::new(MultiBzDecoder::new(whole))
    } else {
        Box::new(whole)
    })
}

/// Decompresses bytes. Fails if they are damaged or decompress to more than `most` bytes.
pub(crate) fn unpacked(packed: &[u8], most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader(packed)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it decompresses to more than {most} bytes"),
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    /// `printf 'tcp_tw_recycle ' | xz -9`; this program only reads xz.
    const XZ_OF_A_WORD: &[u8] =
        b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4F\x02\0!\x01\x1c\0\0\0\x10\xcfX\xcc\x01\0\x0e\
        tcp_tw_recycle \0\0\
        \x05/c\xb8\x90a\x95\xe3\0\x01'\x0f\xdf\x1a\xfcj\x1f\xb6\xf3}\x01\0\0\0\0\x04YZ";

    /// `printf 'tcp_tw_recycle ' | bzip2 -9`; this program only reads bzip2.
    const BZIP2_OF_A_WORD: &[u8] =
        b"BZh91AY&SYe\x90\xcc\xf8\0\0\x05\x93\x80@\0\0\0\x8a\x04T\xa0 \x001\x000 h\x1e\xa2\xec\n\xe0\
        `\x8c^.\xe4\x8ap\xa1 \xcb!\x99\xf0";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_format_gives_the_same_bytes_and_plain_bytes_are_left_alone() {
        let text = b"tcp_tw_recycle ".repeat(100);
        assert_eq!(unpacked(&gzip(&text), 1 << 20).unwrap(), text);
        assert_eq!(unpacked(XZ_OF_A_WORD, 1 << 20).unwrap(), &text[..15]);
        assert_eq!(unpacked(BZIP2_OF_A_WORD, 1 << 20).unwrap(), &text[..15]);
        let zstd = compress_to_vec(&text[..], CompressionLevel::Fastest);
        assert_eq!(unpacked(&zstd, 1 << 20).unwrap(), text);
        assert_eq!(unpacked(&text, 1 << 20).unwrap(), text);
        assert_eq!(unpacked(b"", 1 << 20).unwrap(), b"");
    }

    #[test]
    fn data_that_decompress_to_more_than_allowed_are_refused() {
        let bomb = gzip(&vec![0; 1 << 20]);
        let error = unpacked(&bomb, 1 << 16).unwrap_err();
        assert!(error.to_string().contains("65536 bytes"), "{error}");
    }

    #[test]
    fn damaged_bytes_are_an_error_and_not_a_panic() {
        let mut packed = gzip(b"a fine text, for a while");
        packed.truncate(packed.len() - 6);
        assert!(unpacked(&packed, 1 << 20).is_err());
        assert!(unpacked(&XZ.repeat(3), 1 << 20).is_err());
        assert!(unpacked(&ZSTD.repeat(3), 1 << 20).is_err());
    }
}
