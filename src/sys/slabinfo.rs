//! The memory of kernel objects: `/proc/slabinfo` (slabinfo(5)), which only root may read. It
//! counts the whole machine.

use std::fs;
use std::io;

/// The memory use of one kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlabUsage {
    /// Objects in use. The few that each processor keeps in reserve count as in use.
    pub objects: u64,
    /// Bytes of memory per object, including its share of the unusable part of a slab.
    pub object_bytes: u64,
}

/// Reads the given kinds; `None` for one that this kernel does not have or merges with others of the same size.
///
/// # Errors
/// EACCES for everyone but root.
pub fn read<'a>(names: impl IntoIterator<Item = &'a str>) -> io::Result<Vec<Option<SlabUsage>>> {
    let text = fs::read_to_string("/proc/slabinfo")?;
    let page = crate::sys::procfs::page_size();
    let slabs = names.into_iter().map(|name| slab(&text, name, page));
    Ok(slabs.collect())
}

/// `name active_objs num_objs objsize objperslab pagesperslab : ...`
fn slab(text: &str, name: &str, page: u64) -> Option<SlabUsage> {
    let numbers = text.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with(' ').then_some(rest)
    })?;
    let mut numbers = numbers.split_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (objects, _all, _size) = (next()?, next()?, next()?);
    let (each, pages) = (next()?, next()?);
    Some(SlabUsage {
        objects,
        object_bytes: (pages * page).checked_div(each)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "slabinfo - version: 2.1\n\
        # name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables\n\
        tw_sock_TCPv6        160    224    256   16    1 : tunables    0    0    0 : slabdata     14     14      0\n\
        tw_sock_TCP          224    240    256   16    1 : tunables    0    0    0 : slabdata     15     15      0\n\
        TCP                  105    156   2368   13    8 : tunables    0    0    0 : slabdata     12     12      0\n";

    #[test]
    fn an_object_takes_its_share_of_a_slab() {
        let read = |name| slab(TEXT, name, 4096);
        let tcp = SlabUsage {
            objects: 105,
            object_bytes: 8 * 4096 / 13,
        };
        assert_eq!(read("TCP"), Some(tcp));
        assert_eq!(read("tw_sock_TCP").map(|slab| slab.objects), Some(224));
        assert_eq!(read("nf_conntrack"), None);
        assert_eq!(slab("TCP 1 2", "TCP", 4096), None);
    }
}
