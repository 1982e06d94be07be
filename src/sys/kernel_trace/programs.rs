//! The programs of the trace, one for each tracepoint. Each finds out which node the event belongs to, by the number of
//! its network namespace, and sends a message (`message`); events of all other namespaces are ignored.

use std::os::fd::OwnedFd;

use super::layout::KernelLayout;
use super::message::{LENGTH, PACKET, position};
use crate::sys::bpf::assembler::{Assembler, JumpTarget, Register, Size};
use crate::tcp::TcpState;

/// Helpers by number (`___BPF_FUNC_MAPPER`, Linux `include/uapi/linux/bpf.h`).
mod helper {
    pub(super) const MAP_LOOKUP_ELEM: i32 = 1;
    pub(super) const MAP_UPDATE_ELEM: i32 = 2;
    pub(super) const KTIME_GET_NS: i32 = 5;
    pub(super) const PROBE_READ_KERNEL: i32 = 113;
    pub(super) const RINGBUF_OUTPUT: i32 = 130;
}

/// Positions on the stack, from the end of the frame: the message, a pointer, and a number.
const MESSAGE: i16 = -(LENGTH as i16);
const POINTER: i16 = MESSAGE - 8;
const NUMBER: i16 = POINTER - 8;

/// The number of sockets whose windows are followed from their first segment on: the first that are established.
pub(super) const FOLLOWED_FROM_START: i32 = 64;
/// Shortest time between two messages about the window of a socket, nanoseconds. A fast transfer has an event for each
/// of 100,000 packets per second.
const BETWEEN_WINDOWS: i32 = 1_000_000;

/// The kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageKind {
    State = 1,
    Drop,
    Retransmission,
    ResetSent,
    ResetReceived,
    Window,
}

/// The maps that the programs use.
#[derive(Debug, Clone, Copy)]
pub(super) struct TraceMaps<'a> {
    /// From the number of a namespace to the index of its node.
    pub(super) nodes: &'a OwnedFd,
    pub(super) ring: &'a OwnedFd,
    /// The number of messages that did not fit into the ring.
    pub(super) lost: &'a OwnedFd,
    /// The sockets whose windows are followed, with the time of the last message about each.
    pub(super) followed: &'a OwnedFd,
    /// The number of sockets that were followed from their start.
    pub(super) begun: &'a OwnedFd,
}

/// A program under construction.
///
/// R6 holds the arguments of the tracepoint, R7 the socket or packet, R8 and R9 are free.
struct TraceProgram<'a> {
    code: Assembler,
    layout: &'a KernelLayout,
    maps: TraceMaps<'a>,
    end: JumpTarget,
}

/// Returns the program for `inet_sock_set_state(sk, oldstate, newstate)`.
pub(super) fn state(layout: &KernelLayout, maps: TraceMaps<'_>) -> Vec<u64> {
    let mut program = TraceProgram::begin(layout, maps, MessageKind::State);
    program.argument(Register::R8, 1);
    program.keep(Size::Word, position::FIRST, Register::R8);
    program.argument(Register::R8, 2);
    program.keep(Size::Word, position::SECOND, Register::R8);
    program.argument(Register::R7, 0);
    program.node_of_socket(Register::R7, program.end);
    program.identity();
    program.follow_established();
    program.send()
}

/// Returns the program for `tcp_probe(sk, skb)`, which is called for each segment that an established socket receives.
pub(super) fn window(layout: &KernelLayout, maps: TraceMaps<'_>) -> Vec<u64> {
    let mut program = TraceProgram::begin(layout, maps, MessageKind::Window);
    program.argument(Register::R7, 0);
    program.code.jump_if_zero(Register::R7, program.end);
    program.only_followed();
    program.node_of_socket(Register::R7, program.end);
    program.identity();
    for (at, offset) in (position::WINDOW..).step_by(4).zip(layout.window) {
        program.read_into(at, 4, Register::R7, offset);
    }
    program.send()
}

/// Returns the program for tracepoints whose first argument is a socket: `tcp_retransmit_skb`, `tcp_receive_reset`.
pub(super) fn of_socket(layout: &KernelLayout, maps: TraceMaps<'_>, kind: MessageKind) -> Vec<u64> {
    let mut program = TraceProgram::begin(layout, maps, kind);
    program.argument(Register::R7, 0);
    program.node_of_socket(Register::R7, program.end);
    program.identity();
    program.send()
}

/// Returns the program for `tcp_send_reset(sk, skb[, reason])`, with the number of its arguments. Without a socket, the
/// packet that is answered has the addresses.
pub(super) fn reset_sent(layout: &KernelLayout, maps: TraceMaps<'_>, arguments: usize) -> Vec<u64> {
    let mut program = TraceProgram::begin(layout, maps, MessageKind::ResetSent);
    if arguments >= 3 {
        program.argument(Register::R8, 2);
        program.keep(Size::Word, position::FIRST, Register::R8);
    } else {
        program.keep_number(position::FIRST, -1);
    }
    let (without, packet) = (program.code.target(), program.code.target());
    program.argument(Register::R7, 0);
    program.code.jump_if_zero(Register::R7, without);
    program.node_of_socket(Register::R7, program.end);
    program.identity();
    program.argument(Register::R7, 1);
    program.code.jump(packet);
    program.code.place(without);
    program.argument(Register::R7, 1);
    program.code.jump_if_zero(Register::R7, program.end);
    program.node_of_packet(None, program.end);
    program.code.place(packet);
    let send = program.code.target();
    program.code.jump_if_zero(Register::R7, send);
    program.packet();
    program.code.place(send);
    program.send()
}

/// Returns the program for `kfree_skb(skb, location, reason[, rx_sk])`, with the number of its arguments.
pub(super) fn drop(layout: &KernelLayout, maps: TraceMaps<'_>, arguments: usize) -> Vec<u64> {
    let mut program = TraceProgram::begin(layout, maps, MessageKind::Drop);
    program.argument(Register::R8, 2);
    program.keep(Size::Word, position::FIRST, Register::R8);
    program.argument(Register::R7, 0);
    let receiver = (arguments >= 4).then_some(3);
    program.node_of_packet(receiver, program.end);
    program.packet();
    if let Some(index) = receiver {
        program.queues(index);
    }
    program.send()
}

impl<'a> TraceProgram<'a> {
    /// Begins with an empty message.
    fn begin(layout: &'a KernelLayout, maps: TraceMaps<'a>, kind: MessageKind) -> Self {
        let mut code = Assembler::default();
        let end = code.target();
        code.copy(Register::R6, Register::R1);
        for at in (NUMBER..0).step_by(8) {
            code.store_number(Size::Double, Register::Frame, at, 0);
        }
        let mut program = Self {
            code,
            layout,
            maps,
            end,
        };
        program.keep_number(position::KIND, kind as i32);
        program
    }

    /// Loads an argument of the tracepoint.
    fn argument(&mut self, to: Register, index: i16) {
        self.code.load(Size::Double, to, Register::R6, index * 8);
    }

    /// Writes a register into the message.
    fn keep(&mut self, size: Size, at: i32, from: Register) {
        self.code
            .store(size, Register::Frame, MESSAGE + at as i16, from);
    }

    fn keep_number(&mut self, at: i32, value: i32) {
        let at = MESSAGE + at as i16;
        self.code
            .store_number(Size::Word, Register::Frame, at, value);
    }

    /// Copies memory of the kernel to the stack. An address that is not mapped yields zeros.
    fn read(&mut self, to: i16, size: i32, from: Register, offset: i32) {
        self.code.copy(Register::R1, Register::Frame);
        self.code.add(Register::R1, i32::from(to));
        self.code.set(Register::R2, size);
        self.code.copy(Register::R3, from);
        self.code.add(Register::R3, offset);
        self.code.call(helper::PROBE_READ_KERNEL);
    }

    /// Copies memory of the kernel into the message.
    fn read_into(&mut self, at: i32, size: i32, from: Register, offset: i32) {
        self.read(MESSAGE + at as i16, size, from, offset);
    }

    /// Loads a pointer from memory of the kernel.
    fn follow(&mut self, to: Register, from: Register, offset: i32) {
        self.read(POINTER, 8, from, offset);
        self.code.load(Size::Double, to, Register::Frame, POINTER);
    }

    /// Puts the node of a namespace, whose address is in R9, into the message, or jumps.
    fn node_of_namespace(&mut self, otherwise: JumpTarget) {
        self.code.jump_if_zero(Register::R9, otherwise);
        self.read(NUMBER, 4, Register::R9, self.layout.net_number);
        self.look_up(self.maps.nodes, NUMBER);
        self.code.jump_if_zero(Register::R0, otherwise);
        self.code.load(Size::Word, Register::R1, Register::R0, 0);
        self.keep(Size::Word, position::NODE, Register::R1);
    }

    /// Puts the node of a socket, and its address, into the message, or jumps.
    fn node_of_socket(&mut self, socket: Register, otherwise: JumpTarget) {
        self.code.jump_if_zero(socket, otherwise);
        self.keep(Size::Double, position::SOCKET, socket);
        self.follow(Register::R9, socket, self.layout.socket_net);
        self.node_of_namespace(otherwise);
    }

    /// Puts the node of the packet in R7 into the message: that of its device; if it has none (any more), that of its
    /// socket, else of the socket in an argument. Jumps if that is not in a node.
    ///
    /// A packet that left its node still refers to the socket that sent it, so the device decides. In the queues of TCP
    /// the field of the device has other uses. An address read from there leads to no namespace of a node, except by a
    /// chance of one in billions.
    fn node_of_packet(&mut self, receiver: Option<i16>, otherwise: JumpTarget) {
        let (by_socket, found) = (self.code.target(), self.code.target());
        self.follow(Register::R8, Register::R7, self.layout.packet_device);
        self.code.jump_if_zero(Register::R8, by_socket);
        self.follow(Register::R9, Register::R8, self.layout.device_net);
        self.node_of_namespace(otherwise);
        self.code.jump(found);
        self.code.place(by_socket);
        let by_receiver = self.code.target();
        self.follow(Register::R8, Register::R7, self.layout.packet_socket);
        self.node_of_socket(Register::R8, by_receiver);
        self.code.jump(found);
        self.code.place(by_receiver);
        match receiver {
            Some(index) => {
                self.argument(Register::R8, index);
                self.node_of_socket(Register::R8, otherwise);
            }
            None => self.code.jump(otherwise),
        }
        self.code.place(found);
    }

    /// Copies the addresses of the socket in R7 into the message.
    fn identity(&mut self) {
        let layout = self.layout;
        self.read_into(position::FAMILY, 2, Register::R7, layout.family);
        self.read_into(position::PEER_PORT, 2, Register::R7, layout.peer_port);
        self.read_into(position::LOCAL_PORT, 2, Register::R7, layout.source_port);
        self.read_into(position::PEER_V4, 4, Register::R7, layout.peer_v4);
        self.read_into(position::LOCAL_V4, 4, Register::R7, layout.local_v4);
        if let Some([peer, local]) = layout.v6 {
            self.read_into(position::PEER_V6, 16, Register::R7, peer);
            self.read_into(position::LOCAL_V6, 16, Register::R7, local);
        }
    }

    /// Copies the headers of the packet in R7 into the message.
    fn packet(&mut self) {
        let layout = self.layout;
        self.read_into(position::PROTOCOL, 2, Register::R7, layout.packet_protocol);
        self.read_into(position::SECOND, 4, Register::R7, layout.packet_length);
        self.follow(Register::R8, Register::R7, layout.packet_head);
        self.read(NUMBER, 2, Register::R7, layout.packet_network);
        self.code
            .load(Size::Half, Register::R9, Register::Frame, NUMBER);
        self.code.add_register(Register::R8, Register::R9);
        self.read_into(position::PACKET, PACKET, Register::R8, 0);
    }

    /// Copies the levels of the queues of the receiving socket in an argument into the message, if there is one.
    fn queues(&mut self, receiver: i16) {
        let without = self.code.target();
        self.argument(Register::R8, receiver);
        self.code.jump_if_zero(Register::R8, without);
        for (at, offset) in (position::QUEUES..).step_by(4).zip(self.layout.queues) {
            self.read_into(at, 4, Register::R8, offset);
        }
        self.keep_number(position::HAS_QUEUES, 1);
        self.code.place(without);
    }

    /// Follows the window of the socket in R7 if it has been established now, and is one of the first.
    fn follow_established(&mut self) {
        let otherwise = self.code.target();
        self.argument(Register::R8, 2);
        self.code.add(Register::R8, -(TcpState::Established as i32));
        self.code.jump_unless_zero(Register::R8, otherwise);
        self.code
            .store_number(Size::Double, Register::Frame, NUMBER, 0);
        self.look_up(self.maps.begun, NUMBER);
        self.code.jump_if_zero(Register::R0, otherwise);
        self.code.load(Size::Double, Register::R8, Register::R0, 0);
        self.code
            .jump_if_at_least(Register::R8, FOLLOWED_FROM_START, otherwise);
        self.code.set(Register::R1, 1);
        self.code.add_atomically(Register::R0, Register::R1);
        self.code
            .store(Size::Double, Register::Frame, POINTER, Register::R7);
        self.code.load_map(Register::R1, self.maps.followed);
        self.code.copy(Register::R2, Register::Frame);
        self.code.add(Register::R2, i32::from(POINTER));
        self.code.copy(Register::R3, Register::Frame);
        self.code.add(Register::R3, i32::from(NUMBER));
        self.code.set(Register::R4, 0);
        self.code.call(helper::MAP_UPDATE_ELEM);
        self.code.place(otherwise);
    }

    /// Ends the program unless the window of the socket in R7 is followed, and the last message about it is old enough.
    fn only_followed(&mut self) {
        self.code
            .store(Size::Double, Register::Frame, POINTER, Register::R7);
        self.look_up(self.maps.followed, POINTER);
        self.code.jump_if_zero(Register::R0, self.end);
        self.code.copy(Register::R8, Register::R0);
        self.code.call(helper::KTIME_GET_NS);
        self.code.load(Size::Double, Register::R1, Register::R8, 0);
        self.code.copy(Register::R2, Register::R0);
        self.code.subtract_register(Register::R2, Register::R1);
        self.code
            .jump_if_less(Register::R2, BETWEEN_WINDOWS, self.end);
        self.code.store(Size::Double, Register::R8, 0, Register::R0);
    }

    /// Looks up the value of a map whose key is on the stack; its address is then in R0.
    fn look_up(&mut self, map: &OwnedFd, key: i16) {
        self.code.load_map(Register::R1, map);
        self.code.copy(Register::R2, Register::Frame);
        self.code.add(Register::R2, i32::from(key));
        self.code.call(helper::MAP_LOOKUP_ELEM);
    }

    /// Ends the program by sending the message.
    fn send(mut self) -> Vec<u64> {
        self.code.call(helper::KTIME_GET_NS);
        self.keep(Size::Double, position::TIME, Register::R0);
        self.code.load_map(Register::R1, self.maps.ring);
        self.code.copy(Register::R2, Register::Frame);
        self.code.add(Register::R2, i32::from(MESSAGE));
        self.code.set(Register::R3, LENGTH);
        self.code.set(Register::R4, 0);
        self.code.call(helper::RINGBUF_OUTPUT);
        self.code.jump_if_zero(Register::R0, self.end);
        self.code
            .store_number(Size::Word, Register::Frame, NUMBER, 0);
        self.look_up(self.maps.lost, NUMBER);
        self.code.jump_if_zero(Register::R0, self.end);
        self.code.set(Register::R1, 1);
        self.code.add_atomically(Register::R0, Register::R1);
        self.code.place(self.end);
        self.code.exit();
        self.code.finish()
    }
}
