# Puts a guest's NIC on its bridge and takes it off: PVE::Network, functions tap_create, tap_plug, tap_unplug, veth_delete.
# Not there: the tc rate limit (`rate=`), since lab kernels have no tc police.
import contextlib
import os
import re
import subprocess

from .task import TaskError


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise TaskError(f"command '{' '.join(argv)}' failed: {done.stderr.strip() or f'exit code {done.returncode}'}")


def ignoring(*argv):
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def link_exists(name):
    return os.path.isdir(f'/sys/class/net/{name}')


def bridge_mtu(bridge):
    try:
        with open(f'/sys/class/net/{bridge}/mtu') as file:
            return int(file.read())
    except OSError:
        raise TaskError(f"bridge '{bridge}' does not exist")


def disable_ipv6(name):
    with contextlib.suppress(FileNotFoundError), open(f'/proc/sys/net/ipv6/conf/{name}/disable_ipv6', 'w') as file:
        file.write('1')


def firewall_names(iface):
    """fwbr, the veth pair and the OVS internal port that stand between a guarded NIC and its bridge"""
    vmid, index = re.fullmatch(r'(?:tap|veth)(\d+)i(\d+)', iface).groups()
    return f'fwbr{vmid}i{index}', f'fwln{vmid}i{index}', f'fwpr{vmid}p{index}', f'fwln{vmid}o{index}'


def tap_create(iface, bridge):
    run('ip', 'link', 'set', iface, 'up', 'promisc', 'on', 'mtu', str(bridge_mtu(bridge)))
    disable_ipv6(iface)


def veth_create(iface, peer, bridge, mac):
    mtu = str(bridge_mtu(bridge))
    if not link_exists(iface):
        run('ip', 'link', 'add', 'name', iface, 'mtu', mtu, 'type', 'veth', 'peer', 'name', peer, 'mtu', mtu, 'addr', mac)
    for name in (iface, peer):
        disable_ipv6(name)
        run('ip', 'link', 'set', name, 'up', 'mtu', mtu)


def tap_plug(iface, net):
    bridge, tag = net['bridge'], net.get('tag')
    trunks = net.get('trunks', '').replace(';', ',')
    ignoring('ovs-vsctl', 'del-port', iface)
    if os.path.isdir(f'/sys/class/net/{bridge}/bridge'):
        plug_linux(iface, bridge, enabled(net, 'firewall'))
        return
    if subprocess.run(['ovs-vsctl', 'br-exists', bridge]).returncode:
        raise TaskError(f"bridge '{bridge}' is neither a linux nor an OVS bridge!")
    remove_firewall_bridge(iface)
    if enabled(net, 'firewall'):
        fwbr, _, _, port = firewall_names(iface)
        make_bridge(fwbr, bridge)
        run('ip', 'link', 'set', iface, 'master', fwbr)
        ovs_add_port(bridge, port, tag, trunks, internal=True)
        run('ip', 'link', 'set', port, 'master', fwbr, 'up')
    else:
        ovs_add_port(bridge, iface, tag, trunks)


def enabled(net, key):
    return net.get(key, '0') in ('1', 'on', 'yes', 'true')


def ovs_add_port(bridge, iface, tag, trunks, internal=False):
    port = [f'tag={tag}'] if tag else []
    port += [f'trunks={trunks}'] if trunks else []
    port += ['vlan_mode=native-untagged'] if tag and trunks else []
    settings = [f'mtu_request={bridge_mtu(bridge)}'] + (['type=internal'] if internal else [])
    try:
        run('ovs-vsctl', '--', 'add-port', bridge, iface, *port, '--', 'set', 'Interface', iface, *settings)
    except TaskError as error:
        raise TaskError(f"can't add ovs port '{iface}' - {error}")
    disable_ipv6(iface)


def plug_linux(iface, bridge, firewall):
    remove_firewall_bridge(iface)
    if not firewall:
        run('ip', 'link', 'set', iface, 'master', bridge)
        return
    fwbr, inner, outer, _ = firewall_names(iface)
    make_bridge(fwbr, bridge)
    run('ip', 'link', 'add', inner, 'type', 'veth', 'peer', 'name', outer)
    for name, master in ((iface, fwbr), (inner, fwbr), (outer, bridge)):
        run('ip', 'link', 'set', name, 'master', master, 'up')


def make_bridge(name, like):
    run('ip', 'link', 'add', name, 'mtu', str(bridge_mtu(like)), 'type', 'bridge')
    disable_ipv6(name)
    run('ip', 'link', 'set', name, 'up')


def remove_firewall_bridge(iface):
    fwbr, inner, _, port = firewall_names(iface)
    if link_exists(port):
        ignoring('ovs-vsctl', 'del-port', port)
    if link_exists(inner):
        ignoring('ip', 'link', 'del', inner)
    if link_exists(fwbr):
        ignoring('ip', 'link', 'set', fwbr, 'down')
        run('ip', 'link', 'del', fwbr)


def tap_unplug(iface):
    if os.path.isdir(f'/sys/class/net/{iface}/brport'):
        ignoring('ip', 'link', 'set', iface, 'nomaster')
    remove_firewall_bridge(iface)
    ignoring('ovs-vsctl', 'del-port', iface)


def veth_delete(iface):
    if link_exists(iface):
        ignoring('ip', 'link', 'delete', 'dev', iface)
    tap_unplug(iface)
