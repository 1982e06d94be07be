//! Options that the running kernel was built with, as far as it or its package publishes them.

use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;
use nix::sys::utsname::uname;

/// Largest configuration that is read; those of distributions have about 300 KiB.
const LARGEST: u64 = 4 << 20;

/// Returns the value of an option such as `CONFIG_DEFAULT_TCP_CONG`, without quotes. `None` if the option is off, or if
/// neither `/proc/config.gz` nor `/boot/config-RELEASE` is there.
pub fn build_option(name: &str) -> Option<String> {
    let text = published()?;
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// Returns the options that may build a module into the kernel (Linux `net/sched/Kconfig`, `net/ipv4/Kconfig`,
/// `net/netfilter/Kconfig`, `drivers/net/Kconfig`).
pub fn options_of_module(module: &str) -> Vec<String> {
    /// Beginnings of modules, and of their options.
    const NAMED: [(&str, &str); 6] = [
        ("sch_", "NET_SCH_"),
        ("cls_", "NET_CLS_"),
        ("act_", "NET_ACT_"),
        ("tcp_", "TCP_CONG_"),
        ("xt_", "NETFILTER_XT_MATCH_"),
        ("xt_", "NETFILTER_XT_TARGET_"),
    ];
    let upper = module.to_ascii_uppercase();
    let whole = ["", "NET_", "IP_NF_", "IP_"].map(|prefix| format!("CONFIG_{prefix}{upper}"));
    let named = NAMED.iter().filter_map(|(begins, option)| {
        let rest = module.strip_prefix(begins)?;
        Some(format!("CONFIG_{option}{}", rest.to_ascii_uppercase()))
    });
    named.chain(whole).collect()
}

fn published() -> Option<String> {
    let mut text = String::new();
    if let Ok(file) = fs::File::open("/proc/config.gz") {
        let mut unpacked = GzDecoder::new(file).take(LARGEST);
        unpacked.read_to_string(&mut text).ok()?;
        return Some(text);
    }
    let release = uname().ok()?.release().to_string_lossy().into_owned();
    let file = fs::File::open(format!("/boot/config-{release}")).ok()?;
    file.take(LARGEST).read_to_string(&mut text).ok()?;
    Some(text)
}
