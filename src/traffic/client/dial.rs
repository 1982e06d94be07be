//! Opens connections: socket, source address, local port, first `connect(2)`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use socket2::Socket;

use super::plan::LoadPlan;
use super::ports::LocalPorts;
use crate::record::Offset;
use crate::scenario::workload::PortChoice;
use crate::sys::tcp_clock::TcpClockShift;
use crate::sys::{ports::local_ports, sockopt};
use crate::traffic::actor_metrics::ActorMetrics;
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
    ports: Option<Mutex<LocalPorts>>,
    /// Shift of the timestamps, if the node has a clock of its own.
    clock: Option<TcpClockShift>,
    /// The way ports are chosen, for the report.
    pub(super) port_choice: &'static str,
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
        let by_kernel = |port_choice| Self {
            ports: None,
            clock,
            port_choice,
        };
        match plan.port {
            PortChoice::Kernel => return Ok(by_kernel("kernel")),
            PortChoice::Bind => return Ok(by_kernel("bind")),
            PortChoice::Sequential => {}
        }
        let ports = local_ports()?;
        let Some(queues) = LocalPorts::new(&ports, plan.sources.len()) else {
            return Ok(by_kernel(
                "kernel (no port in ip_local_port_range is free to choose)",
            ));
        };
        let probe = sockopt::tcp_socket(plan.target_ip)?;
        if sockopt::set_local_port_range(&probe, ports[0], ports[0]).is_err() {
            return Ok(by_kernel("kernel (IP_LOCAL_PORT_RANGE needs Linux 6.3)"));
        }
        Ok(Self {
            ports: Some(Mutex::new(queues)),
            clock,
            port_choice: "sequential",
        })
    }

    /// Opens the connection of attempt `index`. It may not be established yet.
    ///
    /// # Errors
    /// The kernel's error for this attempt: EMFILE from socket(2), EADDRINUSE from bind(2), EADDRNOTAVAIL,
    /// ENETUNREACH and others from connect(2).
    pub(super) fn dial(
        &self,
        plan: &LoadPlan,
        index: u64,
        now: Offset,
    ) -> io::Result<(Socket, Lease)> {
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
        let any = at_bind.then(|| any_address(plan.target_ip));
        if let Some(address) = plan.sources.get(source).copied().or(any) {
            sockopt::bind_address(&socket, address)?;
        }
        let Some(mut ports) = self.ports() else {
            connect(&socket, plan)?;
            return Ok((socket, Lease { source, port: None }));
        };
        for (nth, port) in ports.next(source).enumerate() {
            sockopt::set_local_port_range(&socket, port, port)?;
            match connect(&socket, plan) {
                Ok(()) => {
                    ports.taken(source, nth);
                    let port = Some(port);
                    return Ok((socket, Lease { source, port }));
                }
                Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {}
                Err(error) => return Err(error),
            }
        }
        ports.refused(source, now);
        Err(io::Error::from_raw_os_error(libc::EADDRNOTAVAIL))
    }

    /// Returns the port of a closed connection.
    pub(super) fn closed(&self, lease: Lease) {
        if let (Some(mut ports), Some(port)) = (self.ports(), lease.port) {
            ports.give_back(lease.source, port);
        }
    }

    fn ports(&self) -> Option<MutexGuard<'_, LocalPorts>> {
        let ports = self.ports.as_ref()?;
        Some(ports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the wildcard address of the same family.
fn any_address(family_of: IpAddr) -> IpAddr {
    match family_of {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn connect(socket: &Socket, plan: &LoadPlan) -> io::Result<()> {
    match socket.connect(&plan.target) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(()),
    }
}
