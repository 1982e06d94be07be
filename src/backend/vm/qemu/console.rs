//! What the last lines of a guest's console say of its end.

use std::process::ExitStatus;

/// What Linux says before it gives up (Linux `kernel/panic.c`).
const PANIC: &str = "Kernel panic - not syncing: ";
/// What the OOM killer says of its victim (Linux `mm/oom_kill.c`, "Kill" before 5.1).
const OUT_OF_MEMORY: &str = "Out of memory: Kill";
/// What the image says when it cannot unpack itself (Linux `arch/x86/boot/compressed/error.c`).
const HALTED: &str = "-- System halted";

/// Why it ended, as far as a line says so.
pub(crate) fn cause(lines: &[String]) -> Option<String> {
    let memory = "the guest ran out of memory";
    for line in lines.iter().rev() {
        if let Some((_, why)) = line.split_once(PANIC) {
            let starved =
                why.contains("memory") || lines.iter().any(|line| line.contains(OUT_OF_MEMORY));
            return Some(match starved {
                true => format!("{memory}; its kernel panicked: {why}"),
                false => format!("its kernel panicked: {why}"),
            });
        }
        if line.contains(OUT_OF_MEMORY) {
            return Some(memory.to_owned());
        }
        if line.contains(HALTED) {
            return Some("its image cannot unpack itself: it is damaged".to_owned());
        }
    }
    None
}

/// Explains the end of a guest whose run had not ended.
pub(crate) fn explain(status: ExitStatus, console: &[String]) -> String {
    let why = cause(console).unwrap_or_else(|| match status.code() {
        Some(0) => "its console does not say why".to_owned(),
        _ => format!("QEMU ended with {status}"),
    });
    format!("the guest ended before its run did: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_panic_is_told_with_its_reason() {
        let console = lines(
            "[ 1.0] x\n[ 1.1] Kernel panic - not syncing: VFS: Unable to mount root fs\n[ 1.2] CPU: 0",
        );
        assert_eq!(
            cause(&console).unwrap(),
            "its kernel panicked: VFS: Unable to mount root fs"
        );
        assert_eq!(cause(&lines("[ 1.0] fine")), None);
    }

    #[test]
    fn a_panic_for_want_of_memory_says_so() {
        let console = lines("Kernel panic - not syncing: System is deadlocked on memory");
        assert!(
            cause(&console)
                .unwrap()
                .starts_with("the guest ran out of memory")
        );
    }
}
