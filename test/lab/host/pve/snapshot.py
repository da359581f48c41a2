# Snapshots and clones of a guest: of its configuration, since lab guests have no disks.
# AbstractConfig.pm, functions snapshot_create, snapshot_delete and snapshot_rollback; API2/Qemu.pm and API2/LXC.pm, clone_vm.
import re
import time
import uuid

from . import config, sections
from .task import TaskError

NOT_COPIED = {'lock', 'snapstate', 'snaptime'}
NOT_CLONED = {*NOT_COPIED, 'parent', 'template'}
MODEL_AND_MAC = re.compile(r'(?<==)([0-9A-F]{2}:){5}[0-9A-F]{2}', re.IGNORECASE)


def create(kind, vmid, name):
    """Two writes, as the state between them is visible: locked, and the snapshot unfinished."""
    with config.locked(kind, vmid):
        guest = config.load(kind, vmid)
        config.check_lock(kind, guest)
        if name in guest.snapshots or name == 'current' or not sections.SNAPSHOT.match(f'[{name}]'):
            raise TaskError(f"snapshot name '{name}' already used or invalid")
        guest.snapshots[name] = {**copied(guest.current, NOT_COPIED), 'snapstate': 'prepare', 'snaptime': str(int(time.time()))}
        guest.current['lock'] = 'snapshot'
        config.save(kind, vmid, guest)
    with config.locked(kind, vmid):
        guest = config.load(kind, vmid)
        del guest.snapshots[name]['snapstate'], guest.current['lock']
        guest.current['parent'] = name
        config.save(kind, vmid, guest)


def delete(kind, vmid, name):
    with config.locked(kind, vmid):
        guest = config.load(kind, vmid)
        config.check_lock(kind, guest)
        gone = found(guest, name)
        del guest.snapshots[name]
        for keys in (guest.current, *guest.snapshots.values()):
            if keys.get('parent') == name:
                keys.pop('parent')
                keys |= {'parent': gone['parent']} if 'parent' in gone else {}
        config.save(kind, vmid, guest)


def rollback(kind, vmid, name, stop_if_running):
    """A running guest is stopped with its hooks; then the snapshot's keys replace the current ones, and nothing is pending."""
    with config.locked(kind, vmid):
        guest = config.load(kind, vmid)
        found(guest, name)
        config.check_lock(kind, guest)
        stop_if_running()
        guest = config.load(kind, vmid)
        guest.current['lock'] = 'rollback'
        config.save(kind, vmid, guest)
    with config.locked(kind, vmid):
        guest = config.load(kind, vmid)
        guest.current = {**copied(found(guest, name), NOT_COPIED), 'parent': name}
        guest.pending = {}
        config.save(kind, vmid, guest)


def found(guest, name):
    if name not in guest.snapshots:
        raise TaskError(f"snapshot '{name}' does not exist")
    return guest.snapshots[name]


def copied(keys, left_out):
    return {key: value for key, value in keys.items() if key not in left_out}


def clone(kind, vmid, new, given):
    """`given`: name (hostname) and snapname. Another UUID, other MACs, all else is kept, also the hookscript; gives the new guest's keys."""
    source = config.load(kind, vmid)
    config.check_lock(kind, source)
    keys = copied(found(source, given['snapname']) if 'snapname' in given else source.current, NOT_CLONED)
    for key in keys:
        if re.fullmatch(r'net\d+', key):
            keys[key] = MODEL_AND_MAC.sub(config.random_mac(), keys[key])
    if kind == 'qemu':
        keys['smbios1'] = f'uuid={uuid.uuid4()}'
    name = 'name' if kind == 'qemu' else 'hostname'
    keys[name] = given.get(name, f"Copy-of-{source.current.get(name, ('VM' if kind == 'qemu' else 'CT') + '-' + vmid)}")
    config.create(kind, new, {**keys, 'lock': 'clone'})


def unlock(kind, vmid):
    with config.locked(kind, vmid):
        config.set_lock(kind, vmid, None)
