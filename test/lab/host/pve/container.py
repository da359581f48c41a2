# An LXC container the Proxmox way: config generated at each start, one systemd unit each, network plugged by lxcnetaddbr.
# As in pve-container 6.1.10. Where Proxmox changed, so that the next difference is easy to find:
#   1.0    (2015-04, 8a04b6c)  lxcnetaddbr sets the host end up and adds 0.0.0.0/0 to it
#   4.3-4  (2022-11, 5fbd58c)  no start with an MTU larger than the bridge's
#   6.0.15 (2025-11, c5fefa1)  LXC sets addresses of cards with `host-managed` alone (5c96e93); all others the container's own
#                              init sets, from files that Proxmox writes into it before each start
import contextlib
import os
import re
import subprocess
import tarfile
import time

from . import config, hookscript, pending, plug
from .task import TaskError

LXC = '/var/lib/lxc'
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What the Proxmox container templates bring, here as small as it gets.
INITTAB = '::sysinit:/bin/sh /etc/network/up\n::respawn:/bin/sleep 2147483647\n'
# LXC's keys for a static address
ADDRESS_KEYS = {'ip': 'ipv4.address', 'gw': 'ipv4.gateway', 'ip6': 'ipv6.address', 'gw6': 'ipv6.gateway'}


def make_root(vmid):
    root = f'{LXC}/{vmid}/rootfs'
    os.makedirs(root, exist_ok=True)
    with tarfile.open('/opt/lab/docker/busybox.tar') as archive:
        archive.extractall(root)
    os.makedirs(f'{root}/sbin', exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.symlink('/bin/busybox', f'{root}/sbin/init')
    with open(f'{root}/etc/inittab', 'w') as file:
        file.write(INITTAB)


def running(vmid):
    """LXC.pm:list_active_containers looks for the command socket."""
    with open('/proc/net/unix') as file:
        return any(line.endswith(f'@{LXC}/{vmid}/command\n') for line in file)


def lxc_config(vmid, guest):
    lines = [
        'lxc.cgroup.relative = 0',
        f'lxc.cgroup.dir.monitor = lxc.monitor/{vmid}',
        f'lxc.cgroup.dir.container = lxc/{vmid}',
        'lxc.cgroup.dir.container.inner = ns',
        'lxc.include = /usr/share/lxc/config/common.conf',
        f'lxc.hook.post-stop = {HERE}/lxc-pve-poststop-hook',
        'lxc.monitor.unshare = 1',
        'lxc.tty.max = 2',
        # busybox init's own signals
        'lxc.signal.halt = SIGUSR1',
        'lxc.signal.reboot = SIGTERM',
        f"lxc.uts.name = {guest.get('hostname', f'CT{vmid}')}",
        f'lxc.rootfs.path = {LXC}/{vmid}/rootfs',
    ]
    for index, net in config.nets(guest).items():
        lines += lxc_net(vmid, index, net)
    return '\n'.join(lines + raw_keys(guest)) + '\n'


def raw_keys(guest):
    return [f'{key} = {value}' for key, value in guest.items() if key.startswith('lxc.')]


def lxc_net(vmid, index, net):
    bridge_mtu = plug.bridge_mtu(net.get('bridge', ''))
    mtu = int(net.get('mtu', bridge_mtu))
    if mtu > bridge_mtu:
        raise TaskError(f"net{index}: MTU size '{mtu}' is bigger than bridge MTU '{bridge_mtu}'")
    keys = {
        'type': 'veth', 'veth.pair': f'veth{vmid}i{index}', 'hwaddr': net['hwaddr'], 'name': net['name'], 'mtu': str(mtu),
        'script.up': f'{HERE}/lxcnetaddbr',
    }  # fmt: skip
    if plug.enabled(net, 'host-managed') and not plug.enabled(net, 'link_down'):
        if net.get('ip6') == 'auto':
            raise TaskError(f'net{index}: SLAAC is not supported for host-managed network configuration')
        keys |= {key: net[given] for given, key in ADDRESS_KEYS.items() if is_static(net.get(given))} | {'flags': 'up'}
    return [f'lxc.net.{index}.{key} = {value}' for key, value in keys.items()]


def is_static(address):
    return address not in (None, 'manual', 'dhcp', 'auto')


def network_script(guest):
    """What a distribution's own files come to, for busybox"""
    for net in config.nets(guest).values():
        if plug.enabled(net, 'host-managed'):
            continue
        yield f"ip link set {net['name']} up"
        for family, address, gateway in (('-4', 'ip', 'gw'), ('-6', 'ip6', 'gw6')):
            if is_static(net.get(address)):
                yield f"ip {family} addr add {net[address]} dev {net['name']}"
            if gateway in net:
                yield f"ip {family} route add default via {net[gateway]} dev {net['name']}"


def write_files(vmid, guest):
    """LXC.pm, update_lxc_config; Setup.pm, pre_start_hook."""
    config.write_file(f'{LXC}/{vmid}/config', lxc_config(vmid, guest), 0o644)
    os.makedirs(f'{LXC}/{vmid}/rootfs/etc/network', exist_ok=True)
    config.write_file(f'{LXC}/{vmid}/rootfs/etc/network/up', ''.join(f'/bin/busybox {line}\n' for line in network_script(guest)), 0o644)


def start(task, vmid, skip_lock=False):
    whole = config.load('lxc', vmid)
    if not skip_lock:
        config.check_lock('lxc', whole)
    if running(vmid):
        raise TaskError(f'CT {vmid} already running')
    if whole.pending:
        pending.apply_cold(whole)
        config.save('lxc', vmid, whole)
    guest = whole.current
    write_files(vmid, guest)
    hookscript.run(task, guest, vmid, 'pre-start', stop_on_error=True)
    task.run(['systemctl', 'start', f'pve-container@{vmid}'])
    wait_until_running(vmid)
    hookscript.run(task, guest, vmid, 'post-start')


def wait_until_running(vmid):
    # not lxc-wait: it looks once a second
    deadline = time.monotonic() + 20
    while state(vmid) != 'RUNNING':
        unit = subprocess.run(['systemctl', 'is-active', '--quiet', f'pve-container@{vmid}'])
        if unit.returncode or time.monotonic() > deadline:
            raise TaskError(f"startup for container '{vmid}' failed")
        time.sleep(0.02)


def state(vmid):
    return subprocess.run(['lxc-info', '-n', vmid, '-s', '-H'], capture_output=True, text=True).stdout.strip()


def net_up(vmid, iface):
    """lxcnetaddbr's job: LXC runs it for the host end of each veth."""
    index = int(re.fullmatch(r'veth\d+i(\d+)', iface)[1])
    net = config.nets(config.read('lxc', vmid)).get(index)
    if not net or 'bridge' not in net:
        raise TaskError('missing bridge configuration')
    plug.run('ip', 'link', 'set', 'dev', iface, 'up', 'mtu', str(plug.bridge_mtu(net['bridge'])))
    # The kernel takes it, and gives the device no address.
    plug.run('ip', 'addr', 'add', '0.0.0.0/0', 'dev', iface)
    plug_unless_down(iface, net)


def plug_unless_down(iface, net):
    """LXC.pm, net_tap_plug"""
    if plug.enabled(net, 'link_down'):
        plug.run('ip', 'link', 'set', iface, 'down')
        return
    plug.tap_plug(iface, net)
    plug.run('ip', 'link', 'set', iface, 'up')


def inside(vmid, *argv):
    """In the container's network namespace, with this host's own programs: its busybox may lack one."""
    pid = subprocess.run(['lxc-info', '-n', vmid, '-p', '-H'], capture_output=True, text=True).stdout.strip()
    plug.run('nsenter', '-t', pid, '-n', '--', *argv)


def stop(task, vmid, kill=True, timeout=60, skip_lock=False):
    whole = config.load('lxc', vmid)
    if not skip_lock:
        config.check_lock('lxc', whole)
    guest = whole.current
    if not running(vmid):
        raise TaskError(f'CT {vmid} not running')
    hookscript.run(task, guest, vmid, 'pre-stop')
    task.run(['lxc-stop', '-n', vmid, '--kill'] if kill else ['lxc-stop', '-n', vmid, '--nokill', '--timeout', str(timeout)])
    wait_for_end(vmid)


def wait_for_end(vmid):
    """lxc's monitor has run the post-stop hook once its unit has ended."""
    deadline = time.monotonic() + 30
    while running(vmid) or subprocess.run(['systemctl', 'is-active', '--quiet', f'pve-container@{vmid}']).returncode == 0:
        if time.monotonic() > deadline:
            raise TaskError(f'CT {vmid} still running')
        time.sleep(0.05)


def post_stop(task, vmid):
    """Runs inside lxc's own hook, so the hookscript sees LXC_NAME, LXC_TARGET and the like."""
    hookscript.run(task, config.read('lxc', vmid), vmid, 'post-stop')


def release(vmid):
    """The first part of lxc-pve-poststop-hook, also for a reboot from inside: unplugs, and applies what is pending."""
    whole = config.load('lxc', vmid)
    for index in config.nets(whole.current):
        plug.veth_delete(f'veth{vmid}i{index}')
    if whole.pending:
        pending.apply_cold(whole)
        config.save('lxc', vmid, whole)
    write_files(vmid, whole.current)
