//! Modules that programs need, by the words of their commands. A guest has no modprobe(8) to load them on demand.

/// Modules of interface types that are not named after their type (Linux `MODULE_ALIAS_RTNL_LINK`).
const OF_TYPES: [(&str, &str); 6] = [
    ("bond", "bonding"),
    ("erspan", "ip_gre"),
    ("gre", "ip_gre"),
    ("gretap", "ip_gre"),
    ("vlan", "8021q"),
    ("vti", "ip_vti"),
];

/// Returns the modules that the words of a shell script may need. For tc(8), disciplines, classifiers and actions are
/// modules named after them (Linux `net/sched/sch_api.c`, `cls_api.c`, `act_api.c`); for ip(8), types of interfaces are
/// (`net/core/rtnetlink.c`, `rtnl-link-` and the type).
pub(crate) fn named_in(words: &[&str]) -> Vec<String> {
    let of_tc = words.iter().filter(|_| words.contains(&"tc"));
    let of_tc = of_tc.flat_map(|word| ["sch", "cls", "act"].map(|kind| format!("{kind}_{word}")));
    let typed = words.windows(2).filter(|pair| pair[0] == "type");
    let typed = typed.map(|pair| {
        let named = OF_TYPES.iter().find(|(kind, _)| *kind == pair[1]);
        named.map_or(pair[1], |(_, module)| module).to_owned()
    });
    let tunnel = words.contains(&"tuntap").then(|| "tun".to_owned());
    of_tc.chain(typed).chain(tunnel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_tc_and_types_of_interfaces_name_modules() {
        let named = |text: &str| named_in(&text.split(' ').collect::<Vec<_>>());
        assert_eq!(named("ip link add va type veth peer vb"), ["veth"]);
        assert_eq!(
            named("ip link add link eth0 name v2 type vlan id 2"),
            ["8021q"]
        );
        assert_eq!(named("ip tuntap add mode tap t0"), ["tun"]);
        assert!(named("tc qdisc add dev eth0 root htb").contains(&"sch_htb".to_owned()));
        assert!(named("ip addr add 10.0.0.1/24 dev htb").is_empty());
    }
}
