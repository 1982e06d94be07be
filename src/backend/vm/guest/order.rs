//! What a guest is told before it begins: what to load, and the order of the run.

use serde::{Deserialize, Serialize};

use crate::run::WorkOrder;

/// The name of the order in the machine's firmware configuration. Names below `opt/` are for users, `org.` for no one else
/// (QEMU `docs/specs/fw_cfg.txt`).
pub(crate) const NAME: &str = "opt/org.nslab/order";

/// Everything that a guest is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GuestOrder {
    /// Modules to load, in this order: paths in the guest.
    pub(crate) modules: Vec<String>,
    /// Whether packets are wanted, which go out by a port of their own.
    pub(crate) packets: bool,
    pub(crate) work: WorkOrder,
}
