# Reads /etc/network/interfaces as Proxmox does: PVE::Network::Interfaces. What it keeps of a stanza, and what each is.
# As in pve-common 9.2.1. Where Proxmox changed, so that the next difference is easy to find:
#   9.0.4  (2025-07, 7c0edeb)  physical cards are told by `ip -d -j link`, and may have names such as nic0
#   9.1.17 (2026-06, d996fee)  `use v5.36`, by which \s takes the bytes 0x85 and 0xA0 for white space, in the middle of a UTF-8 letter too
# Always so: the file is read as bytes; comments are decoded as UTF-8, all else is not; of several stanzas of one family the last one that has
# unknown options, or comments, replaces those of the others.
import json
import re
import subprocess

S = r'[\t\n\x0b\x0c\r \x85\xa0]'
NS = r'[^\t\n\x0b\x0c\r \x85\xa0]'
PHYSICAL = re.compile(r'eth\d+|en[^:.]+|ib[^:.]+|(?:nic|if)\d+')
OTHER_NAMES = {
    'ovs_mtu': 'mtu', 'bond-slaves': 'slaves', 'bond_slaves': 'slaves', 'bond-xmit-hash-policy': 'bond_xmit_hash_policy',
    'bond-mode': 'bond_mode', 'bond-miimon': 'bond_miimon', 'bridge-vlan-aware': 'bridge_vlan_aware', 'bridge-fd': 'bridge_fd',
    'bridge-stp': 'bridge_stp', 'bridge-ports': 'bridge_ports', 'bridge-vids': 'bridge_vids',
}  # fmt: skip
KNOWN = {
    'mtu', 'ovs_type', 'ovs_options', 'ovs_bridge', 'ovs_bonds', 'ovs_ports', 'bridge_fd', 'bridge_vids', 'bridge-access', 'bridge-learning',
    'bridge-arp-nd-suppress', 'bridge-unicast-flood', 'bridge-multicast-flood', 'bridge-disable-mac-learning', 'bond_miimon',
    'bond_xmit_hash_policy', 'bond-primary', 'link-type', 'uplink-id', 'vlan-protocol', 'vlan-raw-device', 'vlan-id', 'vxlan-id',
    'vxlan-svcnodeip', 'vxlan-physdev', 'vxlan-local-tunnelip',
}  # fmt: skip
ADDRESSES = ('address', 'netmask', 'broadcast', 'gateway')
BOND_MODES = ('balance-rr', 'active-backup', 'balance-xor', 'broadcast', '802.3ad', 'balance-tlb', 'balance-alb')


def physical_nics():
    links = json.loads(subprocess.run(['ip', '-details', '-json', 'link'], capture_output=True, text=True, check=True).stdout)
    return [link['ifname'] for link in links if link.get('link_type') == 'ether' and 'info_kind' not in link.get('linkinfo', {})]


def read(text, nics):
    """
    ({name: keys}, [(priority, line)] of what stands outside stanzas). `text` has one character per byte; `nics` are the physical ones.
    Keys are Proxmox's own: those of inet6 end in 6; `options` and `options6` are lists of the unknown ones, `comments` a text.
    """
    reader = Reader()
    lines = text.split('\n')
    if lines[-1] == '':
        lines.pop()
    reader.run(lines)
    ifaces = reader.ifaces
    for nic in nics:
        ifaces.setdefault(nic, {})
    if 'lo' not in ifaces:
        ifaces['lo'] = {'priority': 1, 'method': 'loopback', 'type': 'loopback', 'autostart': True}
    for name in sorted(ifaces):
        settle(name, ifaces, name in nics)
    return ifaces, without_allowed_ports(ifaces, reader.others)


class Reader:
    """Line by line; a stanza lasts until a blank line or the next keyword."""

    def __init__(self):
        self.ifaces, self.others = {}, []
        self.priority = 2

    def run(self, lines):
        at = 0
        while at < len(lines):
            at = self.stanza(lines, at) if self.take(lines[at]) else at + 1

    def take(self, line):
        """True for the first line of a stanza."""
        if re.match(rf'{S}*#', line):
            return False
        if found := re.match(rf'{S}*(?:allow-auto|auto|allow-ovs|allow-hotplug){S}+(.*)$', line):
            for name in words(found[1]):
                self.ifaces.setdefault(name, {})['autostart'] = True
        elif HEADER.match(line):
            return True
        elif re.search(r'\w', line):
            self.others.append((self.next_priority(), line))
        return False

    def next_priority(self):
        self.priority += 1
        return self.priority - 1

    def stanza(self, lines, at):
        """Gives the place of the line behind it."""
        name, family, method = HEADER.match(lines[at]).groups()
        d = self.ifaces.setdefault(name, {})
        if not d.get('priority'):
            d['priority'] = self.next_priority()
        d.setdefault('families', []).append(family)
        suffix = None if family is None else family.removeprefix('inet')
        own = d if suffix is None else {'method': method}
        if suffix is None:
            own['method'] = own.get('method')
        for at in range(at + 1, len(lines) + 1):
            if at == len(lines):
                break
            # also of the line that ends the stanza
            lines[at] = re.sub(rf'{S}+$', '', lines[at])
            if not inside(d, own, suffix, lines[at]):
                break
        if suffix is not None:
            d.update({key + suffix: value for key, value in own.items()})
        return at


HEADER = re.compile(rf'^{S}*iface{S}+({NS}+)(?:{S}+(inet6?){S}+({NS}+))?{S}*$')


def words(text):
    return [word for word in re.split(rf'{S}+', text) if word]


def inside(d, own, suffix, line):
    """False when this line ends the stanza."""
    if found := re.match(rf'{S}*#(.*?){S}*$', line):
        comment = found[1].encode('latin1').decode('utf-8', 'replace')
        own['comments'] = own.get('comments', '') + f'{comment}\n'
    elif re.match(rf'{S}*(?:(?:iface|mapping|auto|source|source-directory){S}|allow-)', line):
        return False
    elif found := re.match(rf'{S}*(({NS}+){S}+(.+))$', line):
        take_option(d, own, suffix, OTHER_NAMES.get(found[2], found[2]), found[3], found[1])
    else:
        return False
    return True


def take_option(d, own, suffix, key, value, whole):
    if key in ADDRESSES:
        if suffix is None:
            suffix = '6' if ':' in value and key != 'netmask' else ''
        d[key + suffix] = value
    elif key in KNOWN:
        d[key] = value
    elif key in ('slaves', 'bridge_ports'):
        names = words(value)
        if 'none' in names and key == 'bridge_ports':
            d['is_empty_bridge'] = True
        joined = ' '.join(sorted({name for name in names if name != 'none'}))
        d[key] = ' '.join(part for part in (d.get(key), joined) if part)
    elif key == 'bridge_stp':
        d[key] = 'on' if value.strip().lower() in ('on', 'yes') else 'off'
    elif key == 'bridge_vlan_aware':
        d[key] = '1'
    elif key == 'bond_mode':
        d[key] = BOND_MODES[int(value)] if value in [str(number) for number in range(len(BOND_MODES))] else value
    elif key == 'vxlan-remoteip':
        d.setdefault(key, []).append(value)
    else:
        own.setdefault('options', []).append(whole)


def settle(name, ifaces, physical):
    d = ifaces[name]
    d['type'] = type_of(name, d, physical)
    if d.pop('is_empty_bridge', False) or d['type'] == 'bridge':
        d.setdefault('bridge_stp', 'off')
        if d['bridge_stp'] == 'off':
            d.setdefault('bridge_fd', '0')
    if d['type'] in ('OVSPort', 'OVSIntPort', 'OVSBond'):
        if d['type'] == 'OVSBond':
            take_bond_mode(d)
        if (tag := take_ovs_option(d, 'tag')) is not None:
            d['ovs_tag'] = tag
    if d['type'] == 'vlan':
        name_vlan(name, d, ifaces)
    if d['type'] == 'alias':
        ifaces.setdefault(name.rpartition(':')[0], dict(NAMED_ONLY))
    d['method'] = d.get('method') or 'manual'
    d['method6'] = d.get('method6') or 'manual'
    if comments := d.pop('comments6', None):
        d['comments'] = d.get('comments', '') + comments
    d['families'] = d.get('families') or ['inet']


def type_of(name, d, physical):
    ovs = d.get('ovs_type')
    if 'bridge_ports' in d or 'is_empty_bridge' in d:
        return 'bridge'
    if ovs == 'OVSBridge':
        return ovs
    if re.fullmatch(r'bond\d+', name):
        return {None: 'bond', 'OVSBond': 'OVSBond'}.get(ovs or None, 'unknown')
    if re.fullmatch(rf'{NS}+:\d+', name):
        return 'alias'
    if re.fullmatch(rf'{NS}+\.\d+', name) or d.get('vlan-raw-device'):
        return 'vlan'
    if physical or PHYSICAL.fullmatch(name):
        return {None: 'eth', 'OVSPort': 'OVSPort'}.get(ovs or None, 'unknown')
    if name == 'lo':
        return 'loopback'
    if d.get('vxlan-id'):
        return 'vxlan'
    if ovs is not None:
        return 'OVSIntPort' if ovs == 'OVSIntPort' else 'unknown'
    return 'dummy' if d.get('link-type') == 'dummy' else 'unknown'


# What an alias or a VLAN stands on and the file has not; nothing can be written then.
NAMED_ONLY = {'type': None, 'families': None}


def name_vlan(name, d, ifaces):
    if found := re.fullmatch(rf'({NS}+)\.(\d+)', name):
        d.setdefault('vlan-raw-device', found[1])
        if found[2].strip('0'):
            d['vlan-id'] = found[2]
    elif found := re.fullmatch(r'vlan(\d+)', name):
        d['vlan-id'] = found[1]
    ifaces.setdefault(d['vlan-raw-device'], dict(NAMED_ONLY))


def ovs_options(d):
    """Each key once, with its last value. Perl gives them in no order that could be told; here the first one's place counts."""
    pairs = [word.partition('=') for word in words(d.get('ovs_options', ''))]
    return {key: value for key, sign, value in pairs if key and sign}


def put_ovs_options(d, options):
    d.pop('ovs_options', None)
    if options:
        d['ovs_options'] = ' '.join(f'{key}={value}' for key, value in options.items())


def take_ovs_option(d, name):
    options = ovs_options(d)
    value = options.pop(name, None)
    put_ovs_options(d, options)
    return value


def take_bond_mode(d):
    d['bond_mode'] = take_ovs_option(d, 'bond_mode')
    if take_ovs_option(d, 'lacp') == 'active' and d['bond_mode'] == 'balance-slb':
        d['bond_mode'] = 'lacp-balance-slb'
    if d['bond_mode'] == 'balance-tcp':
        d['bond_mode'] = 'lacp-balance-tcp'


def without_allowed_ports(ifaces, others):
    """`allow-BRIDGE PORT` of a port that the bridge lists goes."""
    kept = []
    for priority, line in others:
        if found := re.match(rf'allow-({NS}+){S}+(.*)$', line):
            listed = words(ifaces[found[1]].get('ovs_ports', '')) if found[1] in ifaces else []
            ports = [port for port in words(found[2]) if port not in listed]
            if not ports:
                continue
            line = f"allow-{found[1]} {' '.join(ports)}"
        kept.append((priority, line))
    return kept
