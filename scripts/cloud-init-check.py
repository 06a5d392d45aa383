"""cloud-init's own NoCloud reader against BSS: cloud-init-check.py GATEWAY"""

import json
import sys
import urllib.request

from cloudinit import url_helper, util, version
from cloudinit.sources.DataSourceNoCloud import parse_cmdline_data

gateway = sys.argv[1]
node, mac = "x1000c0s0b0n0", "02:00:5e:00:00:01"
failed = False


def call(method, path, body):
    request = urllib.request.Request(gateway + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def check(what, got, want):
    global failed
    failed = failed or got != want
    print("%-66s %s" % (what, "as meant" if got == want else "%r, want %r" % (got, want)))


# The node calls from here, as far as HSM knows.
call("POST", "/apis/smd/hsm/v2/Inventory/EthernetInterfaces",
     {"MACAddress": mac, "IPAddresses": [{"IPAddress": "127.0.0.1"}], "ComponentID": node})
call("PUT", "/apis/bss/boot/v1/bootparameters", {
    "hosts": [node], "kernel": "http://files/kernel", "initrd": "http://files/initrd", "params": "quiet",
    "cloud-init": {"meta-data": {"rack": {"row": 7}}, "user-data": {"runcmd": ["true"], "phone_home": {"url": "x"}}}})
call("PUT", "/apis/bss/boot/v1/bootparameters", {"hosts": ["Global"], "cloud-init": {"meta-data": {"site": "here"}}})

print("cloud-init", version.version_string())
with urllib.request.urlopen(gateway + "/apis/bss/boot/v1/bootscript?mac=" + mac) as answer:
    line = [row for row in answer.read().decode().splitlines() if row.startswith("kernel ")][0]
fill = {}
check("the kernel command line names the data source (parse_cmdline_data)", parse_cmdline_data("ds=nocloud-net", fill, line), True)
check("with the address of the data", fill.get("seedfrom"), gateway + "/apis/bss/")

meta, user, _ = util.read_seeded(fill["seedfrom"], timeout=5, retries=1)
check("meta-data: local-hostname is the node's xname (read_seeded)", meta["local-hostname"], node)
check("meta-data: an instance-id", bool(meta["instance-id"]), True)
check("meta-data: the node's own", meta["rack"], {"row": 7})
check("meta-data: what all nodes have", meta["Global"]["site"], "here")
user = util.decode_binary(user)
check("user-data begins as a cloud-config", user.splitlines()[0], "#cloud-config")
check("user-data, read as YAML", util.load_yaml(user)["runcmd"], ["true"])

url_helper.readurl(fill["seedfrom"] + "phone-home", data={"instance_id": meta["instance-id"], "hostname": "nid000001", "pub_key_ed25519": "ssh-ed25519 AAAA"})
with urllib.request.urlopen(gateway + "/apis/bss/boot/v1/bootparameters?name=" + node) as answer:
    home = json.load(answer)[0]["cloud-init"]["phone-home"]
check("phone-home, posted as the module does, is kept", (home["hostname"], home["pub_key_ed25519"]), ("nid000001", "ssh-ed25519 AAAA"))
sys.exit(failed)
