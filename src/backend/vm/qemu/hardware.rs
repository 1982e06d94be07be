//! The hardware that a guest sees. Everything that could differ between two hosts is pinned.

use crate::backend::vm::guest::devices;

/// The clock of a guest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Time {
    /// One nanosecond per instruction; waiting takes no time. A run is the same wherever and
    /// whenever it is repeated.
    #[default]
    Virtual,
    /// The host's time, with hardware virtualisation if it is usable.
    Real,
}

/// The component that executes a guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// QEMU, which counts instructions.
    Counted,
    /// QEMU, as fast as possible.
    Emulated,
    /// The processor, under KVM.
    Kvm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hardware {
    pub(crate) accelerator: Accelerator,
    /// Memory in MiB.
    pub(crate) memory: u32,
    /// One if instructions are counted: several would race.
    pub(crate) processors: u32,
}

/// The kernel's command line in either kind of time. The console serves when the guest dies, even if the image
/// cannot decompress itself; a panic ends the machine (`-no-reboot`) instead of waiting. Mitigations against other
/// users of a processor and the accounting of process groups are off: the guest has neither, and accounting wakes
/// an idle kernel every other second. Self-tests of the kernel's ciphers would take 0.7 s of a boot.
const KERNEL_WORDS: &str = "console=ttyS0 earlyprintk=ttyS0 quiet panic=-1 reboot=t nokaslr mitigations=off \
     cryptomgr.notests random.trust_cpu=on nowatchdog psi=0 cgroup_disable=memory";
/// Additional words in virtual time. The emulated TSC counts instructions, one per nanosecond, so it need not be
/// measured. A loop of PAUSE, as in calibrations, takes 40 times as long to emulate as other instructions: without
/// these words a boot takes 3 s longer (measured). Clock events come from the HPET instead of the APIC, which would
/// need such a calibration.
const COUNTED_WORDS: &str =
    "nolapic_timer no_timer_check tsc_early_khz=1000000 tsc=reliable lpj=4000000";

impl Hardware {
    /// Returns the kernel's command line.
    pub(crate) fn kernel_words(self) -> String {
        match self.accelerator {
            Accelerator::Counted => format!("{KERNEL_WORDS} {COUNTED_WORDS}"),
            Accelerator::Emulated | Accelerator::Kvm => KERNEL_WORDS.to_owned(),
        }
    }

    /// Returns QEMU's arguments for the hardware, without inputs and outputs. There is no network, disk or display.
    pub(crate) fn arguments(self) -> Vec<String> {
        // String instructions on single bytes are slow to emulate, and so is a fifth level of page tables. The
        // recording is discarded; but only a QEMU that records leaves the clock of an idle guest alone while
        // instructions are yet to be counted. Otherwise the clock is now and then some nanoseconds ahead, depending
        // on the host's scheduler (QEMU 7.2 `softmmu/icount.c`, `icount_start_warp_timer`; `docs/devel/replay.rst`,
        // "Locking and thread synchronisation").
        let accelerator = match self.accelerator {
            Accelerator::Counted => {
                "-accel tcg -icount shift=0,sleep=off,rr=record,rrfile=/dev/null -seed 1 \
                 -rtc base=2026-01-01T00:00:00,clock=vm -cpu max,-erms,-fsrm,-la57"
            }
            Accelerator::Emulated => "-accel tcg,thread=multi -cpu max,-erms,-fsrm,-la57",
            Accelerator::Kvm => "-accel kvm -cpu host",
        };
        // The plainest PC: the fewer devices, the shorter the boot.
        let rest = "-machine pc -nodefaults -no-user-config -display none -vga none -no-reboot \
                    -device pvpanic -serial chardev:console";
        let words = accelerator
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
