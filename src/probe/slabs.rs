//! The memory of the kernel's objects on the whole machine: `kernel.slab.TCP` and the like.

use std::collections::{BTreeMap, BTreeSet};

use super::watched::{Changes, Watched};
use crate::metrics::{Metric, kernel};
use crate::record::Recorder;
use crate::sys::procfs::{NetFile, tcp_sockstat};
use crate::sys::slabinfo;

/// The caches that are watched, with the machine's TCP sockets beside them.
#[derive(Debug)]
pub(super) struct Slabs {
    kinds: BTreeMap<String, WatchedCache>,
    sockets: Option<(NetFile, Watched)>,
}

#[derive(Debug, Default)]
struct WatchedCache {
    objects: Option<Watched>,
    object_bytes: Option<Watched>,
}

impl Slabs {
    /// Declares the named caches that this machine shows: `slab.TCP`, `slab.TCP.size`. A cache that cannot be
    /// read is not declared.
    pub(super) fn open(named: &BTreeSet<String>, recorder: &Recorder) -> Option<Self> {
        let mut kinds = BTreeMap::<String, WatchedCache>::new();
        for name in named.iter().filter_map(|name| name.strip_prefix("slab.")) {
            let (kind, is_size) = match name.strip_suffix(".size") {
                Some(kind) => (kind, true),
                None => (name, false),
            };
            let read = slabinfo::read([kind]).ok()?;
            if !matches!(read.as_slice(), [Some(_)]) {
                continue;
            }
            let watched =
                |metric: &Metric| Some(Watched::new(recorder.metric_of(metric, "kernel", kind)));
            let entry = kinds.entry(kind.to_owned()).or_default();
            if is_size {
                entry.object_bytes = watched(&kernel::SLAB_SIZE);
            } else {
                entry.objects = watched(&kernel::SLAB_OBJECTS);
            }
        }
        let sockets = || {
            let series = recorder.metric(&kernel::SOCKETS, "kernel");
            Some((NetFile::open("sockstat").ok()?, Watched::new(series)))
        };
        (!kinds.is_empty()).then(|| Self {
            kinds,
            sockets: sockets(),
        })
    }

    /// Adds the values that have changed since the last look. If a file cannot be read again, the last values stay.
    pub(super) fn look(&mut self, changes: &mut Changes) {
        if let Some((file, watched)) = &mut self.sockets
            && let Some(sockets) = file.read().ok().and_then(tcp_sockstat)
        {
            watched.see(sockets.alloc.cast_signed(), changes);
        }
        let read = slabinfo::read(self.kinds.keys().map(String::as_str));
        for (kind, slab) in self.kinds.values_mut().zip(read.into_iter().flatten()) {
            let Some(slab) = slab else { continue };
            if let Some(watched) = &mut kind.objects {
                watched.see(slab.objects.cast_signed(), changes);
            }
            if let Some(watched) = &mut kind.object_bytes {
                watched.see(slab.object_bytes.cast_signed(), changes);
            }
        }
    }
}
