//! The signature that distributions append to a module (Linux
//! `include/linux/module_signature.h`, `scripts/sign-file.c`).

/// The last bytes of a signed module (`MODULE_SIG_STRING`).
const MARKER: &[u8] = b"~Module signature appended~\n";
/// Bytes of `struct module_signature`, which comes before the marker. Its last four bytes are the signature's
/// length, in big-endian order.
const ABOUT: usize = 12;

/// Removes a module's signature: checking it takes the kernel some 7,000,000 instructions. The kernel accepts the
/// module and marks itself tainted (`module_sig_check()`), unless it was built with `CONFIG_MODULE_SIG_FORCE`.
pub(crate) fn without(mut module: Vec<u8>) -> Vec<u8> {
    if let Some(length) = length(&module) {
        module.truncate(module.len() - length);
    }
    module
}

/// Returns the bytes of the signature, its description and the marker.
fn length(module: &[u8]) -> Option<usize> {
    let (_, about) = module.strip_suffix(MARKER)?.split_last_chunk::<ABOUT>()?;
    let [.., a, b, c, d] = *about;
    let signature = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    let length = signature.checked_add(ABOUT + MARKER.len())?;
    (length <= module.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(module: &[u8], signature: &[u8], length: u32) -> Vec<u8> {
        let about = [&[0; 8][..], &length.to_be_bytes()].concat();
        [module, signature, &about, MARKER].concat()
    }

    #[test]
    fn the_appended_signature_is_removed_and_nothing_else() {
        assert_eq!(without(signed(b"\x7fELF", b"12345", 5)), b"\x7fELF");
        assert_eq!(without(b"\x7fELF".to_vec()), b"\x7fELF");
        assert_eq!(without(MARKER.to_vec()), MARKER);
        let astray = signed(b"\x7fELF", b"", u32::MAX);
        assert_eq!(without(astray.clone()), astray);
    }
}
