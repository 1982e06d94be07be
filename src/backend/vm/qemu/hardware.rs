//! The machine that a guest sees. Everything that could differ between two hosts is pinned.

use crate::backend::vm::guest::devices;

/// How time passes in a guest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Time {
    /// With each instruction, one nanosecond; waiting takes none. A run is the same whenever and wherever it is done again.
    #[default]
    Virtual,
    /// As on the host, by hardware virtualisation where that can be used.
    Real,
}

/// What executes a guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// QEMU, which counts them.
    Counted,
    /// QEMU, as fast as it can.
    Emulated,
    /// The processor.
    Kvm,
}

/// What a machine is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hardware {
    pub(crate) engine: Engine,
    /// MiB.
    pub(crate) memory: u32,
    /// One where instructions are counted: several would race.
    pub(crate) processors: u32,
}

/// The kernel's own command line, however time passes. The console is for when the guest dies, an image that cannot
/// unpack itself included; a panic ends the machine (`-no-reboot`)
/// instead of waiting. What guards against other users of a processor is left out, and what accounts for groups of processes: the guest has
/// none, and accounts wake an idle kernel every other second. Tests of the kernel's own ciphers take 0.7 s of a boot.
const KERNEL_WORDS: &str = "console=ttyS0 earlyprintk=ttyS0 quiet panic=-1 reboot=t nokaslr mitigations=off cryptomgr.notests random.trust_cpu=on nowatchdog \
     psi=0 cgroup_disable=memory";
/// In virtual time. The emulated TSC counts instructions, one a nanosecond, so that it need not be measured; a loop of PAUSE, as calibrations
/// are, takes 40 times as long as other instructions to emulate: without these words a boot takes 3 s longer (measured). The clock events
/// come from the HPET instead of the APIC, whose calibration is one of those.
const COUNTED_WORDS: &str =
    "nolapic_timer no_timer_check tsc_early_khz=1000000 tsc=reliable lpj=4000000";

impl Hardware {
    /// The kernel's command line.
    pub(crate) fn kernel_words(self) -> String {
        match self.engine {
            Engine::Counted => format!("{KERNEL_WORDS} {COUNTED_WORDS}"),
            Engine::Emulated | Engine::Kvm => KERNEL_WORDS.to_owned(),
        }
    }

    /// QEMU's command line for it, without what enters and leaves. No network, no disk, no display.
    pub(crate) fn arguments(self) -> Vec<String> {
        // String instructions on single bytes are slow to emulate, a fifth level of page tables too. What is recorded goes nowhere; but a
        // QEMU that records does not move the clock of an idle guest on while instructions are yet to be counted, and without that the
        // clock is now and then some nanoseconds ahead, as the host's scheduler has it (QEMU 7.2 `softmmu/icount.c`,
        // `icount_start_warp_timer`; `docs/devel/replay.rst`, "Locking and thread synchronisation").
        let engine = match self.engine {
            Engine::Counted => {
                "-accel tcg -icount shift=0,sleep=off,rr=record,rrfile=/dev/null -seed 1 -rtc base=2026-01-01T00:00:00,clock=vm \
                 -cpu max,-erms,-fsrm,-la57"
            }
            Engine::Emulated => "-accel tcg,thread=multi -cpu max,-erms,-fsrm,-la57",
            Engine::Kvm => "-accel kvm -cpu host",
        };
        // The plainest PC: the fewer devices, the shorter the boot.
        let rest = "-machine pc -nodefaults -no-user-config -display none -vga none -no-reboot -device pvpanic -serial chardev:console";
        let words = engine
            .split_ascii_whitespace()
            .chain(rest.split_ascii_whitespace());
        let mut arguments: Vec<String> = words.map(str::to_owned).collect();
        arguments.extend(["-m".to_owned(), format!("{}M", self.memory)]);
        arguments.extend(["-smp".to_owned(), self.processors.to_string()]);
        for (port, name) in [(devices::EVENTS, "events"), (devices::PACKETS, "packets")] {
            let device = format!("isa-debugcon,iobase={port:#x},chardev={name}");
            arguments.extend(["-device".to_owned(), device]);
        }
        arguments
    }
}
