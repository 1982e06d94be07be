//! Checks before anything is built that kernel and machine meet the scenario's requirements.

use std::path::Path;

use nix::sys::utsname;

use super::WorkOrder;
use crate::lab::{LabScope, descriptor_limit, has_kernel_module, programs};
use crate::scenario::expr::CompareOp;
use crate::scenario::{RunSpec, VersionBound};

/// Returns the reason why a run is not applicable here, or `None` if it is.
pub(crate) fn unmet_requirement(order: &WorkOrder) -> Option<String> {
    let (spec, scope) = (&order.spec, order.scope);
    unmet_kernel(spec)
        .or_else(|| too_few_processors(spec, scope))
        .or_else(|| forbidden_program(order))
        .or_else(|| missing_program(&spec.requires.programs))
        .or_else(|| missing_file(spec))
        .or_else(|| foreign_kernel(spec, scope))
        .or_else(|| missing_module(spec, scope))
        .or_else(|| limit_out_of_reach(spec, descriptor_limit().ok()?))
        .or_else(|| privilege_beyond_the_lab(spec, scope))
}

fn unmet_kernel(spec: &RunSpec) -> Option<String> {
    let release = utsname::uname()
        .ok()?
        .release()
        .to_string_lossy()
        .into_owned();
    let running = parse_release(&release);
    spec.requires
        .kernel
        .iter()
        .find(|bound| !holds(running, bound))
        .map(|bound| {
            let (major, minor, patch) = bound.version;
            let patch = if patch == 0 {
                String::new()
            } else {
                format!(".{patch}")
            };
            format!(
                "needs a kernel {} {major}.{minor}{patch}; this one is {release}",
                bound.op
            )
        })
}

fn too_few_processors(spec: &RunSpec, scope: LabScope) -> Option<String> {
    let needed = spec.requires.processors;
    let present = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let why = match scope.owns_kernel {
        true => " (a virtual machine in virtual time has one)",
        false => "",
    };
    (present < needed as usize)
        .then(|| format!("needs {needed} processors; this machine has {present}{why}"))
}

fn forbidden_program(order: &WorkOrder) -> Option<String> {
    let command = order
        .spec
        .workload
        .commands
        .first()
        .filter(|_| !order.programs)?;
    let program = command.run.first().map_or("", String::as_str);
    Some(format!(
        "runs programs (`{program}` first), which --trust or --no-commands does not allow for this scenario"
    ))
}

/// Returns the reason why programs cannot run here: the first that is not on `PATH`.
pub(crate) fn missing_program<'p>(needed: impl IntoIterator<Item = &'p String>) -> Option<String> {
    let mut needed = needed.into_iter();
    let missing = needed.find(|program| programs::find(program).is_none())?;
    let package = programs::package_of(missing);
    let package = package.map_or_else(String::new, |package| {
        format!(" (Debian: apt install {package})")
    });
    Some(format!(
        "needs the program `{missing}`, which is not on PATH{package}"
    ))
}

fn missing_file(spec: &RunSpec) -> Option<String> {
    let missing = spec.brings.iter().find(|path| !Path::new(path).exists())?;
    Some(format!(
        "brings `{missing}`, which does not exist on this machine"
    ))
}

/// A guest has loaded the modules before, or its kernel was found to lack them.
fn missing_module(spec: &RunSpec, scope: LabScope) -> Option<String> {
    let mut modules = spec.requires.modules.iter();
    let missing = modules.find(|module| !scope.owns_kernel && !has_kernel_module(module))?;
    Some(format!(
        "needs the kernel module `{missing}`, which is neither built in nor loaded; nslab loads no modules on this \
         machine: load it (modprobe {missing}), or use a virtual machine, which loads it (nslab run --kernel KERNEL)"
    ))
}

/// A node's limit of descriptors can only lower the limit that this process has.
fn limit_out_of_reach(spec: &RunSpec, hard: u64) -> Option<String> {
    let mut limits = spec.topology.nodes.iter();
    let (node, limit) =
        limits.find_map(|(name, node)| Some((name, node.nofile.filter(|limit| *limit > hard)?)))?;
    Some(format!(
        "limits processes on node `{node}` to {limit} descriptors, but no process of this run may have more than \
         {hard}: raise the hard limit (ulimit -Hn)"
    ))
}

fn foreign_kernel(spec: &RunSpec, scope: LabScope) -> Option<String> {
    let key = spec
        .kernel_sysctls
        .keys()
        .next()
        .filter(|_| !scope.owns_kernel)?;
    Some(format!(
        "sets `{key}` for the whole kernel, which is only done in a virtual machine: nslab run --kernel KERNEL \
         (see nslab kernel --help)"
    ))
}

fn privilege_beyond_the_lab(spec: &RunSpec, scope: LabScope) -> Option<String> {
    let commands = spec.workload.commands.iter().filter(|_| !scope.owns_kernel);
    let mut named =
        commands.flat_map(|command| command.privileges.iter().map(move |p| (command, p)));
    let (command, privilege) = named.find(|(_, privilege)| privilege.needs_own_kernel())?;
    Some(format!(
        "command `{}` needs the privilege {}, which reaches beyond the lab and is only given in a virtual machine: \
         nslab run --kernel KERNEL (see nslab kernel --help)",
        command.name,
        privilege.name()
    ))
}

/// Returns the first three numbers of `uname -r`; missing numbers are 0.
fn parse_release(release: &str) -> (u32, u32, u32) {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|digits| digits.parse().ok())
        .chain(std::iter::repeat(0));
    let mut next = || numbers.next().unwrap_or_default();
    (next(), next(), next())
}

fn holds(running: (u32, u32, u32), bound: &VersionBound) -> bool {
    match bound.op {
        CompareOp::Equal => running == bound.version,
        CompareOp::NotEqual => running != bound.version,
        CompareOp::Less => running < bound.version,
        CompareOp::LessOrEqual => running <= bound.version,
        CompareOp::Greater => running > bound.version,
        CompareOp::GreaterOrEqual => running >= bound.version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_nodes_above_the_limit_of_this_process_are_not_applicable() {
        let mut spec = crate::fixtures::run_spec("limited");
        spec.topology = crate::fixtures::topology(&["client", "server"], &[]);
        spec.topology.nodes["server"].nofile = Some(64);
        assert_eq!(limit_out_of_reach(&spec, 64), None);
        let why = limit_out_of_reach(&spec, 63).unwrap();
        assert!(why.contains("`server` to 64 descriptors"), "{why}");
    }

    #[test]
    fn distribution_kernel_releases_are_parsed() {
        assert_eq!(parse_release("6.18.44-fc-v669"), (6, 18, 44));
        assert_eq!(parse_release("6.1.0-30-cloud-amd64"), (6, 1, 0));
        assert_eq!(parse_release("4.9"), (4, 9, 0));
        assert_eq!(parse_release("6.12-rc3"), (6, 12, 0));
    }

    #[test]
    fn version_bounds_compare_as_numbers() {
        let bound = VersionBound {
            op: CompareOp::GreaterOrEqual,
            version: (4, 12, 0),
        };
        assert!(holds((4, 12, 0), &bound));
        assert!(holds((6, 1, 0), &bound));
        assert!(!holds((4, 9, 337), &bound));
    }
}
