//! The modules and built-in parts that scenarios need of a kernel.

use std::fs;
use std::path::Path;

use super::super::modinfo::tests::module;
use super::*;

/// A kernel with these modules and this configuration.
fn kernel(folder: &Path, modules: &[&str], config: &str) -> Kernel {
    for name in modules {
        fs::write(
            folder.join(format!("{name}.ko")),
            module(&["vermagic=6.1.0 "]),
        )
        .unwrap();
    }
    fs::write(folder.join("config"), config).unwrap();
    Kernel {
        name: "debian-6.1".to_owned(),
        release: "6.1.0".to_owned(),
        image: PathBuf::new(),
        modules: Some(folder.to_owned()),
        config: Some(folder.join("config")),
        hash: String::new(),
    }
}

fn run(nodes: &str) -> RunSpec {
    let text = format!(
        "name: test\ntitle: A test\nnodes: {{ {nodes} }}\nlinks: [ {{ between: [a, b] }} ]\n\
         servers: {{ web: {{ node: b, port: 80 }} }}\n\
         clients: {{ load: {{ node: a, to: web, connect: {{ rate: 1/s, for: 1s }} }} }}\n\
         expect: [ load.established == 1 ]\n"
    );
    let parsed = crate::scenario::parse("test.yaml", &text, &Default::default());
    parsed.unwrap().runs.remove(0)
}

const BASE: &str = "CONFIG_NET_NS=y\nCONFIG_INET_TCP_DIAG=y\n";

fn loaded(plan: &ModulePlan) -> Vec<&str> {
    plan.load.iter().map(|file| &*file.name).collect()
}

/// Plans the modules of a run without programs.
fn plan(run: &RunSpec, kernel: &Kernel) -> Result<ModulePlan, NeedsError> {
    super::plan(run, kernel, &BTreeSet::new())
}

#[test]
fn a_plain_link_needs_veth_and_nothing_of_netfilter() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = kernel(folder.path(), &["veth", "nf_tables", "nft_ct", "tun"], BASE);
    let plan = plan(&run("a: {}, b: {}"), &kernel).unwrap();
    assert_eq!(loaded(&plan), ["veth"]);
}

#[test]
fn a_kernel_without_veth_is_reported_before_it_boots() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{BASE}# CONFIG_VETH is not set\n");
    let bare = kernel(folder.path(), &[], &config);
    let error = plan(&run("a: {}, b: {}"), &bare).unwrap_err().to_string();
    assert_eq!(
        error,
        "needs links (veth), which debian-6.1 (Linux 6.1.0) lacks: CONFIG_VETH is not built in and \
         it has no module veth"
    );
    let without = Kernel {
        modules: None,
        ..bare.clone()
    };
    let error = plan(&run("a: {}, b: {}"), &without)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("given without its modules (--modules DIR)"),
        "{error}"
    );
    // If nothing is known, the guest has to find out.
    let unknown = Kernel {
        config: None,
        ..without
    };
    assert!(plan(&run("a: {}, b: {}"), &unknown).is_ok());
}

#[test]
fn a_built_in_part_needs_no_module() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = kernel(folder.path(), &[], &format!("{BASE}CONFIG_VETH=y\n"));
    assert_eq!(
        plan(&run("a: {}, b: {}"), &kernel).unwrap(),
        ModulePlan::default()
    );
}

#[test]
fn masquerade_is_found_by_its_old_and_new_module_names() {
    let masquerade = "a: {}, b: { nat: { masquerade: { toward: a } } }";
    let always = [
        "veth",
        "nf_tables",
        "nf_conntrack",
        "nf_conntrack_netlink",
        "nft_masq",
    ];
    for age in [
        &["nft_chain_nat"][..],
        &[
            "nft_chain_nat_ipv4",
            "nf_conntrack_ipv4",
            "nf_tables_ipv4",
            "nft_masq_ipv4",
        ],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let kernel = kernel(folder.path(), &[&always[..], age].concat(), BASE);
        let plan = plan(&run(masquerade), &kernel).unwrap();
        for name in age {
            assert!(loaded(&plan).contains(name), "{plan:?}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let kernel = kernel(folder.path(), &always, BASE);
    let error = plan(&run(masquerade), &kernel).unwrap_err().to_string();
    assert!(
        error.contains("nft_chain_nat or nft_chain_nat_ipv4"),
        "{error}"
    );
}

#[test]
fn modules_of_programs_are_loaded_if_the_kernel_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = kernel(folder.path(), &["veth", "sch_htb"], BASE);
    let named = ["sch_htb", "cls_htb"].map(str::to_owned).into();
    let plan = super::plan(&run("a: {}, b: {}"), &kernel, &named).unwrap();
    assert_eq!(loaded(&plan), ["veth", "sch_htb"]);
}

#[test]
fn a_link_with_netem_loads_its_module() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = run("a: {}, b: {}");
    run.topology.links[0].by = ImpairedBy::Netem;
    let with = kernel(folder.path(), &["veth", "sch_netem"], BASE);
    assert_eq!(loaded(&plan(&run, &with).unwrap()), ["veth", "sch_netem"]);
    let folder = tempfile::tempdir().unwrap();
    let without = kernel(folder.path(), &["veth"], BASE);
    let error = plan(&run, &without).unwrap_err().to_string();
    assert!(error.starts_with("needs netem, which"), "{error}");
}

#[test]
fn a_congestion_control_that_a_node_sets_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = kernel(folder.path(), &["veth", "tcp_bbr"], BASE);
    let node = "a: { sysctls: { net.ipv4.tcp_congestion_control: bbr } }, b: {}";
    assert_eq!(
        loaded(&plan(&run(node), &kernel).unwrap()),
        ["veth", "tcp_bbr"]
    );
}
