//! Examines the kernel that the advice is for: this one, in namespaces, or another one in a virtual machine.

use std::collections::BTreeMap;

use super::{AdviceRequest, AdviseError, ReferenceChoice, Settings};
use crate::lab::loadable_modules::has_module;
use crate::lab::sysctl_inquiry::{KernelSettings, SysctlAnswer, SysctlInquiry};
use crate::lab::sysctl_survey::{self, FoundSysctl, OrderedWrites, SysctlSurvey};
use crate::scenario::{self, RunSpec};
use crate::suite::{self, InquiryError};

/// A kernel whose settings were looked up.
#[derive(Debug)]
pub(super) struct ExaminedKernel {
    /// Its network settings.
    pub(super) survey: SysctlSurvey,
    /// The virtual machine in which it runs; `None` for the kernel of this host.
    guest: Option<GuestKernel>,
}

#[derive(Debug)]
struct GuestKernel {
    name: String,
    /// Its settings outside `net.`.
    beyond: BTreeMap<String, FoundSysctl>,
    backend: suite::Options,
    /// The run whose modules the machine has.
    spec: RunSpec,
}

impl ExaminedKernel {
    /// Looks up the settings of the kernel that the request is about. Call it while the process has one thread: this
    /// kernel is examined by forked processes.
    pub(super) async fn of(request: &AdviceRequest) -> Result<Self, AdviseError> {
        let (Some(name), Some(spec)) = (&request.kernel, machine_for(request)) else {
            return Ok(Self {
                survey: sysctl_survey::survey()?,
                guest: None,
            });
        };
        let mut guest = GuestKernel {
            name: name.clone(),
            beyond: BTreeMap::new(),
            backend: request.place.clone(),
            spec,
        };
        let KernelSettings { mut survey, beyond } = match guest.ask(SysctlInquiry::Settings).await?
        {
            SysctlAnswer::Settings(settings) => *settings,
            SysctlAnswer::Writes(_) => KernelSettings::default(),
        };
        guest.beyond = beyond;
        // Defaults follow the memory of the user's machine, not that of the virtual one.
        if let (Some(machine), Some(host)) = (&mut survey.machine, sysctl_survey::machine()) {
            machine.memory = host.memory;
        }
        Ok(Self {
            survey,
            guest: Some(guest),
        })
    }

    /// Returns true if the kernel runs in a virtual machine, so that all of its settings may be written.
    pub(super) fn is_guest(&self) -> bool {
        self.guest.is_some()
    }

    /// Looks up a setting outside `net.`.
    pub(super) fn find_non_network(&self, key: &str) -> Option<FoundSysctl> {
        match &self.guest {
            None => sysctl_survey::find_non_network(key),
            Some(guest) => guest.beyond.get(key).cloned(),
        }
    }

    /// Returns the keys of the settings outside `net.`.
    pub(super) fn non_network_keys(&self) -> Vec<String> {
        match &self.guest {
            None => sysctl_survey::non_network_keys(),
            Some(guest) => guest.beyond.keys().cloned().collect(),
        }
    }

    /// Returns whether the kernel has a module; `None` if that is not known.
    pub(super) fn has_module(&self, name: &str, reference: &ReferenceChoice) -> Option<bool> {
        match (&self.guest, reference) {
            // Its machine has the modules that the lines name, and loads them.
            (Some(_), _) => Some(false),
            (None, ReferenceChoice::OtherHost(_)) => None,
            (None, ReferenceChoice::ThisHost | ReferenceChoice::Stock) => has_module(name),
        }
    }

    /// Writes values one after the other where that changes nothing for others: in a namespace of this kernel, or in
    /// a virtual machine.
    pub(super) async fn try_in_order(
        &self,
        start: BTreeMap<String, String>,
        values: Vec<(String, String)>,
    ) -> Result<OrderedWrites, AdviseError> {
        let Some(guest) = &self.guest else {
            return Ok(sysctl_survey::try_in_order(&start, &values)?);
        };
        match guest.ask(SysctlInquiry::Writes { start, values }).await? {
            SysctlAnswer::Writes(writes) => Ok(writes),
            SysctlAnswer::Settings(_) => Ok(OrderedWrites::default()),
        }
    }
}

impl GuestKernel {
    async fn ask(&self, inquiry: SysctlInquiry) -> Result<SysctlAnswer, AdviseError> {
        let answer = suite::inquire(inquiry, self.spec.clone(), &self.backend.backend).await;
        answer.map_err(|source: InquiryError| AdviseError::Kernel {
            kernel: self.name.clone(),
            source: Box::new(source),
        })
    }
}

/// Returns a run that does nothing, in a machine with connection tracking and with the modules that the lines name.
fn machine_for(request: &AdviceRequest) -> Option<RunSpec> {
    const TEXT: &str = "nodes: { host: { conntrack: { track: true } } }";
    let scenario = scenario::parse("settings", TEXT, &BTreeMap::new()).ok()?;
    let mut spec = scenario.runs.into_iter().next()?;
    let Settings::Files(sources) = &request.settings else {
        return Some(spec);
    };
    const NAME_MODULES: [&str; 2] = ["net.ipv4.tcp_congestion_control", "net.core.default_qdisc"];
    for key in NAME_MODULES {
        let values = sources
            .iter()
            .filter_map(|source| super::reference::printed(&source.text).remove(key));
        let named = values.map(|value| (key.to_owned(), value));
        spec.kernel_sysctls.extend(named);
    }
    Some(spec)
}
