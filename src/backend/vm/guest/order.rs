//! The input of a guest: the modules to load, and the work order of the run.

use serde::{Deserialize, Serialize};

use crate::run::WorkOrder;

/// The name of the order in the machine's firmware configuration. Names below `opt/` are for users, and `org.`
/// names belong to their organisation (QEMU `docs/specs/fw_cfg.txt`).
pub(crate) const NAME: &str = "opt/org.nslab/order";

/// The input of a guest.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GuestOrder {
    /// Paths in the guest of the modules to load, in this order.
    pub(crate) modules: Vec<String>,
    /// True if packets are wanted, which the guest sends through a separate port.
    pub(crate) packets: bool,
    pub(crate) work: WorkOrder,
}
