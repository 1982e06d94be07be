//! Clients and servers.
