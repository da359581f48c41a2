# Reads /etc/network/interfaces as Proxmox does: PVE::Network::Interfaces. What it keeps of a stanza, and what each is.
# Not there: vxlan and dummy interfaces, `uplink-id`, a VLAN's protocol; their options are kept as unknown ones.
import dataclasses
import json
import re
import subprocess

PHYSICAL = re.compile(r'eth\d+|en[^:.]+|ib[^:.]+|(?:nic|if)\d+')
OTHER_NAMES = {
    'ovs_mtu': 'mtu', 'bond-slaves': 'slaves', 'bond_slaves': 'slaves', 'bond-xmit-hash-policy': 'bond_xmit_hash_policy',
    'bond-mode': 'bond_mode', 'bond-miimon': 'bond_miimon', 'bridge-vlan-aware': 'bridge_vlan_aware', 'bridge-fd': 'bridge_fd',
    'bridge-stp': 'bridge_stp', 'bridge-ports': 'bridge_ports', 'bridge-vids': 'bridge_vids',
}  # fmt: skip
KNOWN = {
    'mtu', 'ovs_type', 'ovs_options', 'ovs_bridge', 'ovs_bonds', 'ovs_ports', 'bridge_fd', 'bridge_vids', 'bond_miimon',
    'bond_xmit_hash_policy', 'bond-primary', 'vlan-raw-device', 'vlan-id',
}  # fmt: skip
ADDRESSES = ('address', 'netmask', 'broadcast', 'gateway')


@dataclasses.dataclass
class Stanza:
    keys: dict = dataclasses.field(default_factory=dict)
    """known options; those of inet6 end in 6"""
    families: list = dataclasses.field(default_factory=list)
    options: dict = dataclasses.field(default_factory=dict)
    """unknown options, in order, by suffix ('' or '6')"""
    comments: list = dataclasses.field(default_factory=list)
    comments6: list = dataclasses.field(default_factory=list)
    priority: int = None
    auto: bool = False
    type: str = 'unknown'


def physical_nics():
    links = json.loads(subprocess.run(['ip', '-details', '-json', 'link'], capture_output=True, text=True, check=True).stdout)
    return [link['ifname'] for link in links if link.get('link_type') == 'ether' and 'info_kind' not in link.get('linkinfo', {})]


def read(text, nics):
    """({name: Stanza}, [(priority, line)] of what stands outside stanzas); `nics` are the physical ones."""
    stanzas, others = {}, []
    reader = Reader(stanzas, others)
    for line in text.splitlines():
        reader.take(line)
    for nic in nics:
        stanzas.setdefault(nic, Stanza())
    if 'lo' not in stanzas:
        stanzas['lo'] = Stanza(keys={'method': 'loopback'}, priority=1, auto=True)
    for name, stanza in stanzas.items():
        settle(name, stanza, name in nics)
    return stanzas, without_allowed_ports(stanzas, others)


class Reader:
    """Line by line; a stanza lasts until a blank line or the next keyword."""

    def __init__(self, stanzas, others):
        self.stanzas, self.others = stanzas, others
        self.priority = 2
        self.stanza, self.suffix = None, None

    def take(self, line):
        line = line.rstrip()
        if self.stanza is not None and self.inside(line):
            return
        self.stanza = None
        if re.match(r'\s*#', line):
            return
        if found := re.match(r'\s*(?:allow-auto|auto|allow-ovs|allow-hotplug)\s+(.*)$', line):
            for name in found[1].split():
                self.stanzas.setdefault(name, Stanza()).auto = True
        elif found := re.match(r'\s*iface\s+(\S+)(?:\s+(inet6?)\s+(\S+))?\s*$', line):
            self.begin(*found.groups())
        elif re.search(r'\w', line):
            self.others.append((self.next_priority(), line))

    def next_priority(self):
        self.priority += 1
        return self.priority - 1

    def begin(self, name, family, method):
        self.stanza = self.stanzas.setdefault(name, Stanza())
        self.suffix = None if family is None else family.removeprefix('inet')
        if self.stanza.priority is None:
            self.stanza.priority = self.next_priority()
        self.stanza.families.append(family)
        if family:
            self.stanza.keys[f'method{self.suffix}'] = method

    def inside(self, line):
        """False when this line ends the stanza."""
        if found := re.match(r'\s*#(.*)$', line):
            (self.stanza.comments6 if self.suffix == '6' else self.stanza.comments).append(found[1])
        elif re.match(r'\s*(?:(?:iface|mapping|auto|source|source-directory)\s|allow-)', line):
            return False
        elif found := re.match(r'\s*((\S+)\s+(.+))$', line):
            self.option(OTHER_NAMES.get(found[2], found[2]), found[3], found[1])
        else:
            return False
        return True

    def option(self, key, value, whole):
        keys = self.stanza.keys
        if key in ADDRESSES:
            suffix = self.suffix
            if suffix is None:
                suffix = '6' if ':' in value and key != 'netmask' else ''
            keys[key + suffix] = value
        elif key in KNOWN:
            keys[key] = value
        elif key in ('slaves', 'bridge_ports'):
            names = sorted({name for name in value.split() if name != 'none'})
            keys[key] = ' '.join([*keys.get(key, '').split(), *names])
        elif key == 'bridge_stp':
            keys[key] = 'on' if value.strip().lower() in ('on', 'yes') else 'off'
        elif key == 'bridge_vlan_aware':
            keys[key] = '1'
        elif key == 'bond_mode':
            keys[key] = value
        else:
            self.stanza.options.setdefault(self.suffix or '', []).append(whole)


def settle(name, stanza, physical):
    stanza.type = type_of(name, stanza.keys, physical)
    if stanza.type == 'bridge':
        stanza.keys.setdefault('bridge_stp', 'off')
    if stanza.type in ('OVSPort', 'OVSIntPort', 'OVSBond'):
        take_tag(stanza.keys)
    if stanza.type == 'vlan' and '.' in name:
        stanza.keys.pop('vlan-raw-device', None)
        stanza.keys.pop('vlan-id', None)
    stanza.keys.setdefault('method', 'manual')
    stanza.keys.setdefault('method6', 'manual')
    stanza.comments += stanza.comments6
    stanza.comments6 = []
    stanza.families = stanza.families or ['inet']


def type_of(name, keys, physical):
    ovs = keys.get('ovs_type')
    if 'bridge_ports' in keys:
        return 'bridge'
    if ovs == 'OVSBridge':
        return ovs
    if re.fullmatch(r'bond\d+', name):
        return {None: 'bond', 'OVSBond': 'OVSBond'}.get(ovs, 'unknown')
    if re.fullmatch(r'\S+:\d+', name):
        return 'alias'
    if re.fullmatch(r'\S+\.\d+', name) or 'vlan-raw-device' in keys:
        return 'vlan'
    if physical or PHYSICAL.fullmatch(name):
        return {None: 'eth', 'OVSPort': 'OVSPort'}.get(ovs, 'unknown')
    if name == 'lo':
        return 'loopback'
    return 'OVSIntPort' if ovs == 'OVSIntPort' else 'unknown'


def take_tag(keys):
    """`tag=` of ovs_options is a field of its own in the GUI."""
    words = keys.get('ovs_options', '').split()
    tags = [word for word in words if word.startswith('tag=')]
    if tags:
        keys['ovs_tag'] = tags[-1].removeprefix('tag=')
        keys['ovs_options'] = ' '.join(word for word in words if word not in tags)


def without_allowed_ports(stanzas, others):
    """`allow-BRIDGE PORT` of a port that the bridge lists goes."""
    kept = []
    for priority, line in others:
        if found := re.match(r'allow-(\S+)\s+(.*)$', line):
            listed = stanzas[found[1]].keys.get('ovs_ports', '').split() if found[1] in stanzas else []
            ports = [port for port in found[2].split() if port not in listed]
            if not ports:
                continue
            line = f"allow-{found[1]} {' '.join(ports)}"
        kept.append((priority, line))
    return kept
