# SDN's part of the node's network: virtual networks of a VLAN zone on an OVS bridge, each a bridge of the kernel behind an internal port.
# PVE::Network::SDN::Zones, generate_etc_network_config, and VlanPlugin.pm; as in libpve-network-perl 1.3.0. Where Proxmox changed:
#   0.4-5 (2020-06, 880f6d6)  the OVS bridge gets a stanza of its own there, with `ovs_ports` alone, which ifupdown2 joins with its first
import os

from . import config
from .task import TaskError

FILE = '/etc/network/interfaces.d/sdn'


def write(vnets):
    """`vnets` as NAME=BRIDGE:TAG; none at all leaves the file with its version, as Proxmox does."""
    stanzas = {}
    for vnet in vnets:
        name, sign, rest = vnet.partition('=')
        bridge, colon, tag = rest.partition(':')
        if not (name and bridge and tag.isdigit()) or len(name) > 8:
            raise TaskError(f"'{vnet}' is no NAME=BRIDGE:TAG")
        uplink = f'ln_{name}'
        stanzas[uplink] = ['ovs_type OVSIntPort', f'ovs_bridge {bridge}', f'ovs_options tag={tag}']
        stanzas.setdefault(bridge, []).append(f'ovs_ports {uplink}')
        stanzas[name] = [f'bridge_ports {uplink}', 'bridge_stp off', 'bridge_fd 0']
    text = '#version:1\n'
    for name in sorted(stanzas):
        text += f'\nauto {name}\niface {name}\n' + ''.join(f'\t{option}\n' for option in stanzas[name])
    os.makedirs(os.path.dirname(FILE), exist_ok=True)
    config.write_file(FILE, text, 0o644)
