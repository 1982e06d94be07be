//! Settings known by name: removed ones, and those that belong to the whole kernel.

use crate::sysctls::{self, Fate, Setting, SettingScope};

/// Returns the first version without a setting, with its new name if it has one: "4.9 (today net.netfilter.X)".
pub(super) fn removed_in(key: &str) -> Option<String> {
    if let Some(renamed) = sysctls::renamed(key) {
        return Some(format!("{} (today {})", renamed.since, renamed.to));
    }
    match sysctls::find(key)?.fate {
        Fate::Gone(version) => Some(version.to_string()),
        Fate::Current | Fate::Idle(_) | Fate::Foreign => None,
    }
}

/// Settings of the network that only the initial namespace has, or that only it can write (Linux 6.18).
pub(super) fn host_wide() -> impl Iterator<Item = &'static str> + Clone {
    let ours = |key: &str| key.starts_with("net.") && !key.contains('*');
    let of_kernel: Vec<&str> = sysctls::all()
        .filter(|setting| is_of_kernel(setting) && ours(setting.key))
        .map(|setting| setting.key)
        .collect();
    of_kernel.into_iter()
}

/// Returns true if a setting is known to belong to the whole kernel.
pub(super) fn is_host_wide(key: &str) -> bool {
    sysctls::find(key).is_some_and(is_of_kernel)
}

fn is_of_kernel(setting: &Setting) -> bool {
    setting.scope == SettingScope::Host && matches!(setting.fate, Fate::Current | Fate::Idle(_))
}
