//! The kernels of a lesson: its answers are those of the newest one, and the others are shown beside them.

use super::super::backend_args::BackendTarget;
use crate::backend::Backend;
use crate::learn::OlderKernel;
use crate::suite::Options;

/// The options of the runs on each kernel.
pub(in crate::cli) struct LessonKernels {
    pub(in crate::cli) options: Options,
    pub(in crate::cli) older: Vec<OlderKernel>,
    /// The names of all kernels, from old to new; empty for the kernel of this machine.
    pub(in crate::cli) names: Vec<String>,
}

impl LessonKernels {
    /// `targets` are sorted from the oldest kernel to the newest.
    pub(in crate::cli) fn of(
        mut targets: Vec<BackendTarget>,
        options: impl Fn(Option<&str>, Backend) -> Options,
    ) -> Self {
        let names = targets.iter().filter_map(|target| target.name.clone());
        let names = names.collect();
        let newest = match targets.pop() {
            Some(newest) => options(newest.name.as_deref(), newest.backend),
            None => options(None, Backend::default()),
        };
        let older = targets.into_iter().map(|target| OlderKernel {
            options: options(target.name.as_deref(), target.backend),
            name: target.name.unwrap_or_default(),
        });
        Self {
            older: older.collect(),
            options: newest,
            names,
        }
    }
}
