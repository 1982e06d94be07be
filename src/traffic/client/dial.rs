//! Opens connections: socket, source address, local port, first `connect(2)`.

use std::io;

use socket2::Socket;

use super::plan::LoadPlan;
use crate::scenario::workload::PortChoice;
use crate::sys::sockopt;
use crate::sys::tcp_clock::TcpClockShift;
use crate::traffic::actor_metrics::ActorMetrics;
use crate::traffic::local_ports::PortChooser;
use crate::traffic::socket_options::{self, OptionError};

/// The source address and port of a connection, to be returned when it has been closed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    source: usize,
    port: Option<u16>,
}

/// Opens the connections of a client, for all of its threads.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) ports: PortChooser,
    /// Shift of the timestamps, if the node has a clock of its own.
    clock: Option<TcpClockShift>,
}

impl Dialer {
    /// Must be called on the client's node, because the port range belongs to the namespace.
    ///
    /// # Errors
    /// If the range cannot be read, no socket can be created to test the kernel's options, or the kernel does not take
    /// an option of the scenario.
    pub(super) fn new(
        plan: &LoadPlan,
        clock: Option<TcpClockShift>,
        metrics: &ActorMetrics,
    ) -> io::Result<Self> {
        if !plan.options.is_empty() {
            let (socket, ip) = (sockopt::tcp_socket(plan.target_ip)?, plan.target_ip);
            socket_options::check(&plan.options, &socket, ip, metrics)?;
        }
        if let Some(clock) = clock {
            // Fail once here instead of in every attempt.
            clock.apply(&sockopt::tcp_socket(plan.target_ip)?)?;
        }
        Ok(Self {
            ports: PortChooser::new(plan.port, plan.target_ip, plan.sources.len())?,
            clock,
        })
    }

    /// Opens the connection of attempt `index`. It may not be established yet.
    ///
    /// # Errors
    /// The kernel's error for this attempt: EMFILE from socket(2), EADDRINUSE from bind(2), EADDRNOTAVAIL,
    /// ENETUNREACH and others from connect(2).
    pub(super) fn dial(&self, plan: &LoadPlan, index: u64) -> io::Result<(Socket, Lease)> {
        let socket = sockopt::tcp_socket(plan.target_ip)?;
        if plan.nodelay {
            socket.set_tcp_nodelay(true)?;
        }
        if let Some(clock) = self.clock {
            clock.apply(&socket)?;
        }
        if plan.so_keepalive {
            socket.set_keepalive(true)?;
        }
        let at_bind = plan.port == PortChoice::Bind;
        if !plan.sources.is_empty() && !at_bind {
            // Before Linux 4.2 bind(2) chooses the port, so a port serves one destination only.
            let _old_kernel = sockopt::set_bind_address_no_port(&socket);
        }
        socket_options::apply(&plan.options, &socket, plan.target_ip)
            .map_err(OptionError::into_source)?;
        let mut source = 0;
        if !plan.sources.is_empty() {
            source = usize::try_from(index % plan.sources.len() as u64).unwrap_or(0);
        }
        let any = at_bind.then(|| sockopt::any_address(plan.target_ip));
        if let Some(address) = plan.sources.get(source).copied().or(any) {
            sockopt::bind_address(&socket, address)?;
        }
        let connected = |socket: &Socket| sockopt::begin_connect(socket, &plan.target);
        let port = self.ports.connect(&socket, source, connected)?;
        Ok((socket, Lease { source, port }))
    }

    /// Returns the port of a closed connection.
    pub(super) fn closed(&self, lease: Lease) {
        if let Some(port) = lease.port {
            self.ports.give_back(lease.source, port);
        }
    }
}
