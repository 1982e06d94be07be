//! Finds the reason for a guest's end in the last lines of its console.

use std::process::ExitStatus;

/// Printed before a panic (Linux `kernel/panic.c`).
const PANIC: &str = "Kernel panic - not syncing: ";
/// Printed by the OOM killer about its victim (Linux `mm/oom_kill.c`, "Kill" before 5.1).
const OUT_OF_MEMORY: &str = "Out of memory: Kill";
/// Printed by an image that cannot decompress itself (Linux `arch/x86/boot/compressed/error.c`).
const HALTED: &str = "-- System halted";

/// Returns the reason for the end if a line states it.
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
            return Some("its image cannot decompress itself: it is damaged".to_owned());
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
    fn a_panic_is_reported_with_its_reason() {
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
    fn a_panic_from_lack_of_memory_is_reported_as_such() {
        let console = lines("Kernel panic - not syncing: System is deadlocked on memory");
        assert!(
            cause(&console)
                .unwrap()
                .starts_with("the guest ran out of memory")
        );
    }
}
