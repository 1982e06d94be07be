//! Writes instructions of BPF programs (Linux `Documentation/bpf/standardization/instruction-set.rst`).

use std::os::fd::{AsRawFd, OwnedFd};

/// A register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sys) enum Register {
    R0,
    R1,
    R2,
    R3,
    R4,
    R6 = 6,
    R7,
    R8,
    R9,
    /// The end of the stack frame, read-only.
    Frame,
}

/// The size of a memory access, with its bits in an opcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sys) enum Size {
    Word = 0x00,
    Half = 0x08,
    Double = 0x18,
}

/// A place in a program that jumps lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sys) struct JumpTarget(usize);

/// A program under construction.
#[derive(Debug, Default)]
pub(in crate::sys) struct Assembler {
    instructions: Vec<u64>,
    /// The position of each target, once it is placed.
    targets: Vec<Option<usize>>,
    /// Jumps whose distance is not filled in: their positions and targets.
    jumps: Vec<(usize, JumpTarget)>,
}

impl Assembler {
    fn push(&mut self, opcode: u8, to: Register, from: u8, offset: i16, immediate: i32) {
        let registers = to as u8 | from << 4;
        let [low, high] = offset.to_le_bytes();
        let [a, b, c, d] = immediate.to_le_bytes();
        let bytes = [opcode, registers, low, high, a, b, c, d];
        self.instructions.push(u64::from_ne_bytes(bytes));
    }

    /// Copies a register.
    pub(in crate::sys) fn copy(&mut self, to: Register, from: Register) {
        self.push(0xbf, to, from as u8, 0, 0);
    }

    /// Sets a register.
    pub(in crate::sys) fn set(&mut self, to: Register, value: i32) {
        self.push(0xb7, to, 0, 0, value);
    }

    /// Adds a number to a register.
    pub(in crate::sys) fn add(&mut self, to: Register, value: i32) {
        self.push(0x07, to, 0, 0, value);
    }

    /// Adds a register to a register.
    pub(in crate::sys) fn add_register(&mut self, to: Register, from: Register) {
        self.push(0x0f, to, from as u8, 0, 0);
    }

    /// Loads from memory.
    pub(in crate::sys) fn load(&mut self, size: Size, to: Register, from: Register, offset: i16) {
        self.push(0x61 | size as u8, to, from as u8, offset, 0);
    }

    /// Stores a register in memory.
    pub(in crate::sys) fn store(&mut self, size: Size, to: Register, offset: i16, from: Register) {
        self.push(0x63 | size as u8, to, from as u8, offset, 0);
    }

    /// Stores a number in memory.
    pub(in crate::sys) fn store_number(
        &mut self,
        size: Size,
        to: Register,
        offset: i16,
        value: i32,
    ) {
        self.push(0x62 | size as u8, to, 0, offset, value);
    }

    /// Adds a register to eight bytes of memory, atomically.
    pub(in crate::sys) fn add_atomically(&mut self, to: Register, from: Register) {
        self.push(0xdb, to, from as u8, 0, 0);
    }

    /// Subtracts a register from a register.
    pub(in crate::sys) fn subtract_register(&mut self, to: Register, from: Register) {
        self.push(0x1f, to, from as u8, 0, 0);
    }

    /// Loads a map.
    pub(in crate::sys) fn load_map(&mut self, to: Register, map: &OwnedFd) {
        // BPF_PSEUDO_MAP_FD marks the number as that of a descriptor.
        self.push(0x18, to, 1, 0, map.as_raw_fd());
        self.push(0, Register::R0, 0, 0, 0);
    }

    /// Calls a helper by its number (`___BPF_FUNC_MAPPER`, Linux `include/uapi/linux/bpf.h`).
    pub(in crate::sys) fn call(&mut self, helper: i32) {
        self.push(0x85, Register::R0, 0, 0, helper);
    }

    /// Ends the program.
    pub(in crate::sys) fn exit(&mut self) {
        self.set(Register::R0, 0);
        self.push(0x95, Register::R0, 0, 0, 0);
    }

    /// Creates a target, to be placed later.
    pub(in crate::sys) fn target(&mut self) -> JumpTarget {
        self.targets.push(None);
        JumpTarget(self.targets.len() - 1)
    }

    /// Places a target at the next instruction.
    pub(in crate::sys) fn place(&mut self, target: JumpTarget) {
        self.targets[target.0] = Some(self.instructions.len());
    }

    /// Jumps.
    pub(in crate::sys) fn jump(&mut self, to: JumpTarget) {
        self.jumps.push((self.instructions.len(), to));
        self.push(0x05, Register::R0, 0, 0, 0);
    }

    /// Jumps if a register is zero.
    pub(in crate::sys) fn jump_if_zero(&mut self, register: Register, to: JumpTarget) {
        self.jumps.push((self.instructions.len(), to));
        self.push(0x15, register, 0, 0, 0);
    }

    /// Jumps unless a register is zero.
    pub(in crate::sys) fn jump_unless_zero(&mut self, register: Register, to: JumpTarget) {
        self.jumps.push((self.instructions.len(), to));
        self.push(0x55, register, 0, 0, 0);
    }

    /// Jumps if a register is at least this number, both without a sign.
    pub(in crate::sys) fn jump_if_at_least(
        &mut self,
        register: Register,
        number: i32,
        to: JumpTarget,
    ) {
        self.jumps.push((self.instructions.len(), to));
        self.push(0x35, register, 0, 0, number);
    }

    /// Jumps if a register is less than this number, both without a sign (Linux 4.14).
    pub(in crate::sys) fn jump_if_less(&mut self, register: Register, number: i32, to: JumpTarget) {
        self.jumps.push((self.instructions.len(), to));
        self.push(0xa5, register, 0, 0, number);
    }

    /// Returns the program. Every target must have been placed.
    pub(in crate::sys) fn finish(mut self) -> Vec<u64> {
        for (at, target) in self.jumps {
            let to = self.targets[target.0].unwrap_or(at + 1);
            // Jumps lead forward only, from the instruction after them.
            let distance = i16::try_from(to - at - 1).unwrap_or(i16::MAX);
            let mut bytes = self.instructions[at].to_ne_bytes();
            bytes[2..4].copy_from_slice(&distance.to_le_bytes());
            self.instructions[at] = u64::from_ne_bytes(bytes);
        }
        self.instructions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_counts_from_the_instruction_after_it() {
        let mut program = Assembler::default();
        let end = program.target();
        program.jump_if_zero(Register::R1, end);
        program.set(Register::R2, 7);
        program.place(end);
        program.exit();
        let bytes: Vec<[u8; 8]> = program
            .finish()
            .iter()
            .map(|one| one.to_ne_bytes())
            .collect();
        assert_eq!(bytes[0], [0x15, 1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[1], [0xb7, 2, 0, 0, 7, 0, 0, 0]);
        assert_eq!(bytes[3], [0x95, 0, 0, 0, 0, 0, 0, 0]);
    }
}
