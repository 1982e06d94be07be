import subprocess
from pyroute2 import IPRoute, NetNS, netns

nodes = {name: NetNS(name) for name in ("c", "r", "s")}
with IPRoute() as host:
    for one, other, near, far in (("eth0", "eth0", "c", "r"), ("eth1", "eth0", "r", "s")):
        host.link("add", ifname=one, kind="veth", net_ns_fd=near, peer={"ifname": other, "net_ns_fd": far})
for node in nodes.values():
    node.link("set", index=node.link_lookup(ifname="lo")[0], state="up")
for name, interface, address, bits in ADDRESSES:
    index = nodes[name].link_lookup(ifname=interface)[0]
    nodes[name].addr("add", index=index, address=address, prefixlen=bits)
    nodes[name].link("set", index=index, state="up")
for name, to, via in ROUTES:
    nodes[name].route("add", dst=to, gateway=via)
for name, key, value in SETTINGS:
    netns.pushns(name)
    with open("/proc/sys/" + key, "w") as file:
        file.write(value)
    netns.popns()
netns.pushns("r")
subprocess.run(["nft", "RULES"], check=True)
netns.popns()
for node in nodes.values():
    node.close()
