# One node's part of a migration; the other node is only a folder under /etc/pve/nodes.
# QemuMigrate.pm, functions phase1 to phase3_cleanup; LXC/Migrate.pm.
import os
import re

from . import config, container, qemu, qemu_end, qmp
from .task import TaskError


def check_node(name):
    if not re.fullmatch(r'[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?', name) or name == config.node():
        raise TaskError(f"'{name}' is not another node")
    return name


def incoming(task, vmid, source):
    """A running VM comes from `source`: its hooks run before its memory is here, and its file moves when that is."""
    check_node(source)
    guest = config.load('qemu', vmid, source)
    config.check_lock('qemu', guest)
    lock(vmid, source, 'migrate')
    try:
        with config.locked('qemu', vmid):
            qemu.start(task, vmid, source, paused=True, skip_lock=True)
    except TaskError:
        lock(vmid, source, None)
        raise
    config.move('qemu', vmid, source, config.node())
    with config.locked('qemu', vmid):
        config.set_lock('qemu', vmid, None)
        qmp.execute(vmid, 'cont')


def lock(vmid, node, name):
    config.set_lock('qemu', vmid, name, node)


def outgoing_vm(task, vmid, target):
    """No phase of the hookscript runs: the file is with the target before kvm ends here."""
    check_node(target)
    with config.locked('qemu', vmid):
        guest = config.load('qemu', vmid)
        config.check_lock('qemu', guest)
        pid = qemu.running_pid(vmid)
        config.set_lock('qemu', vmid, 'migrate')
        config.move('qemu', vmid, config.node(), target)
        if pid:
            qemu_end.stop_without_hooks(task, vmid, guest, pid)
    lock(vmid, target, None)


def outgoing_container(task, vmid, target, restart):
    """A running container is stopped, with its hooks, and the target starts it anew."""
    check_node(target)
    os.makedirs(os.path.dirname(config.path('lxc', vmid, target)), exist_ok=True)
    with config.locked('lxc', vmid):
        config.check_lock('lxc', config.load('lxc', vmid))
        if container.running(vmid):
            if not restart:
                raise TaskError('lxc live migration is currently not implemented')
            container.stop(task, vmid, kill=False)
        config.move('lxc', vmid, config.node(), target)


def incoming_container(task, vmid, source):
    check_node(source)
    config.load('lxc', vmid, source)
    container.make_root(vmid)
    config.move('lxc', vmid, source, config.node())
    with config.locked('lxc', vmid):
        container.start(task, vmid)
