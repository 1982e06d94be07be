//! The machine that a guest sees. Everything that could differ between two hosts is pinned.

use crate::backend::vm::guest::devices;

/// How time passes in a guest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Time {
    /// With each instruction, one nanosecond; waiting takes none. A run is the same whenever and wherever it is done again.
    #[default]
    Virtual,
    /// As on the host, by hardware virtualisation where that can be used.
    Real {
        /// Whether it can.
        kvm: bool,
    },
}

/// What a machine is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::backend::vm) struct Machine {
    pub(in crate::backend::vm) time: Time,
    /// Memory, MiB.
    pub(in crate::backend::vm) memory: u32,
}

/// The kernel's own command line, however time passes. The console is for when the guest dies; a panic ends the machine (`-no-reboot`)
/// instead of waiting. What guards against other users of a processor is left out: the guest has none. Tests of the kernel's own
/// ciphers take 0.7 s of a boot.
const KERNEL_WORDS: &str = "console=ttyS0 quiet panic=-1 reboot=t nokaslr mitigations=off cryptomgr.notests random.trust_cpu=on nowatchdog";
/// In virtual time. The emulated TSC counts instructions, one a nanosecond, so that it need not be measured; a loop of PAUSE, as calibrations
/// are, takes 40 times as long as other instructions to emulate: without these words a boot takes 3 s longer (measured). The clock events
/// come from the HPET instead of the APIC, whose calibration is one of those.
const VIRTUAL_WORDS: &str =
    "nolapic_timer no_timer_check tsc_early_khz=1000000 tsc=reliable lpj=4000000";

impl Machine {
    /// The kernel's command line.
    pub(in crate::backend::vm) fn kernel_words(self) -> String {
        match self.time {
            Time::Virtual => format!("{KERNEL_WORDS} {VIRTUAL_WORDS}"),
            Time::Real { .. } => KERNEL_WORDS.to_owned(),
        }
    }

    /// QEMU's command line for it, without what enters and leaves. No network, no disk, no display.
    pub(in crate::backend::vm) fn arguments(self) -> Vec<String> {
        let mut arguments: Vec<String> = match self.time {
            Time::Virtual => [
                "-accel",
                "tcg",
                "-icount",
                "shift=0,sleep=off",
                "-seed",
                "1",
                // String instructions on single bytes are slow to emulate, a fifth level of page tables too.
                "-cpu",
                "max,-erms,-fsrm,-la57",
            ]
            .map(str::to_owned)
            .into(),
            Time::Real { kvm: true } => ["-accel", "kvm", "-cpu", "host"].map(str::to_owned).into(),
            Time::Real { kvm: false } => ["-accel", "tcg", "-cpu", "max"].map(str::to_owned).into(),
        };
        // The plainest PC: the fewer devices, the shorter the boot. The clock on the wall starts at the same moment each time.
        let rest = "-machine pc -smp 1 -nodefaults -no-user-config -display none -vga none -no-reboot \
                    -rtc base=2026-01-01T00:00:00,clock=vm -device pvpanic";
        arguments.extend(rest.split_ascii_whitespace().map(str::to_owned));
        arguments.extend(["-m".to_owned(), format!("{}M", self.memory)]);
        for (port, name) in [(devices::EVENTS, "events"), (devices::PACKETS, "packets")] {
            let device = format!("isa-debugcon,iobase={port:#x},chardev={name}");
            arguments.extend(["-device".to_owned(), device]);
        }
        arguments.extend(["-serial", "chardev:console"].map(str::to_owned));
        arguments
    }
}
