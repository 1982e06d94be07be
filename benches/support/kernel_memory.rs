//! What the kernel's own objects take.

use super::bench::Measured;

/// Bytes of kernel memory in slabs (`Slab` of proc_meminfo(5)): of everyone, so what else happens on the machine is in it.
pub(crate) fn slab() -> Measured<f64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Slab:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    Ok(kibibytes
        .ok_or("/proc/meminfo has no Slab")
        .map(|it: f64| it * 1024.0)?)
}
