# A VM's start, in Proxmox's order: pre-start < pve-bridge (tap_create, tap_plug) < post-start. How it ends is in qemu_end.py.
# As in qemu-server 9.2.6. Where Proxmox changed, so that the next difference is easy to find:
#   2015-01 (3eec576)  pve-bridge takes a pending card over the current one, but not for a VM that comes from another node
#   9.1.13  (2026-05, 7d48d8b)  the `.cleanup` flag is made once kvm runs; gone means cleaned up
import os

from . import config, hookscript, pending, plug, qemu_end, qemu_nic, qmp
from .qemu_process import RUN, running_pid
from .task import TaskError


def start(task, vmid, migrated_from='', paused=False, skip_lock=False):
    """`migrated_from`: that node still has the file; `paused`: kvm waits for `cont`, as for a backup."""
    whole = config.load('qemu', vmid, migrated_from or None)
    if not skip_lock:
        config.check_lock('qemu', whole)
    if running_pid(vmid):
        raise TaskError(f'VM {vmid} already running')
    if whole.pending and not migrated_from:
        pending.apply_cold(whole)
        config.save('qemu', vmid, whole)
    guest = whole.current
    os.environ['PVE_MIGRATED_FROM'] = migrated_from
    hookscript.run(task, guest, vmid, 'pre-start', stop_on_error=True)
    os.makedirs(RUN, exist_ok=True)
    try:
        task.run(scope(vmid) + command_line(vmid, guest) + (['-S'] if paused else []))
    except TaskError as error:
        raise TaskError(f'start failed: {error}')
    qemu_end.flag(vmid)
    for index, net in config.nets(guest).items():
        if plug.enabled(net, 'link_down'):
            qmp.execute(vmid, ('set_link', {'name': f'net{index}', 'up': False}))
    qemu_end.watch(vmid, running_pid(vmid))
    hookscript.run(task, guest, vmid, 'post-start')
    del os.environ['PVE_MIGRATED_FROM']


def scope(vmid):
    """PVE puts each QEMU into /qemu.slice/<vmid>.scope"""
    return ['systemd-run', '--quiet', '--scope', '--collect', '--slice=qemu', '--property=DefaultDependencies=no', f'--unit={vmid}', '--']


def command_line(vmid, guest):
    # Proxmox's own `-id <vmid>` is a patch of theirs; Debian's QEMU knows only -name.
    return [
        'qemu-system-x86_64', '-name', f"{guest.get('name', f'vm{vmid}')},debug-threads=on", '-pidfile', f'{RUN}/{vmid}.pid', '-daemonize',
        '-qmp', f'unix:{RUN}/{vmid}.qmp,server=on,wait=off', '-qmp', f'unix:{RUN}/{vmid}.events,server=on,wait=off', '-accel', 'tcg', '-m', guest.get('memory', '128'),
        '-nodefaults', '-display', 'none', '-serial', f'file:{RUN}/{vmid}.console',
        '-kernel', '/opt/lab/vm/vmlinux', '-initrd', '/opt/lab/vm/initrd.gz', '-append', ' '.join(['console=ttyS0', 'quiet', *addresses(guest)]),
        *(word for index, net in config.nets(guest).items() for word in qemu_nic.command_words(vmid, index, net)),
    ]  # fmt: skip


def addresses(guest):
    """`ipconfigN: ip=CIDR` is Proxmox's cloud-init key; the lab's VM takes it from the kernel command line, also for a later NIC."""
    for index in range(32):
        address = config.properties(guest.get(f'ipconfig{index}', '')).get('ip')
        if address:
            yield f"opa.ip{index or ''}={address}"


def bridge(iface):
    """What QEMU's script= runs when it has created the tap: a pending change counts already, but not an incoming VM's."""
    vmid, index = iface[len('tap') :].split('i')
    source = os.environ.get('PVE_MIGRATED_FROM') or None
    guest = config.load('qemu', vmid, source)
    line = guest.current.get(f'net{index}')
    if not source:
        line = guest.pending.get(f'net{index}', line)
    if line is None:
        raise TaskError(f'unable to get network config net{index}')
    net = config.properties(line)
    plug.tap_create(iface, net['bridge'])
    plug.tap_plug(iface, net)
