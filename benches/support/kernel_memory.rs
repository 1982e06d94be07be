//! The memory that the kernel's own objects take.

use super::bench::Measured;

/// Returns the bytes of kernel memory in slabs (`Slab` of proc_meminfo(5)). They belong to the whole machine, so
/// everything else that happens on it is included.
pub(crate) fn slab() -> Measured<f64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Slab:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    Ok(kibibytes
        .ok_or("/proc/meminfo has no Slab")
        .map(|it: f64| it * 1024.0)?)
}
