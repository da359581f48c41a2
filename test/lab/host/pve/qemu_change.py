# `qm set`: a change is written into [PENDING] first, then made on the running VM, then written as current.
# API2/Qemu.pm, update_vm_api; QemuServer.pm, functions vmconfig_hotplug_pending and vmconfig_update_net.
from . import config, hookscript, pending, plug, qemu, qemu_nic, qmp
from .task import TaskError

# These concern no running QEMU.
FAST = {'description', 'hookscript', 'lock', 'name', 'onboot', 'protection', 'startup', 'tags'}
FAST_PREFIX = ('ipconfig', 'ci', 'nameserver', 'searchdomain', 'sshkeys')
USAGE = 'qm set <vmid> [OPTIONS]'


def set_options(task, vmid, given, gone):
    config.check_lock('qemu', config.load('qemu', vmid))
    if 'hookscript' in given:
        try:
            hookscript.check(given['hookscript'])
        except TaskError as error:
            pending.raise_errors({'hookscript': f'{error}\n'}, USAGE)
    chosen = stage(task, vmid, given, gone)
    guest = config.load('qemu', vmid)
    if pending.drop_void(guest):
        config.save('qemu', vmid, guest)
    if not guest.pending:
        return
    if qemu.running_pid(vmid):
        errors = hotplug(vmid, guest, chosen)
    else:
        pending.apply_cold(guest)
        errors = {}
    config.save('qemu', vmid, guest)
    pending.raise_errors(errors, USAGE)


def stage(task, vmid, given, gone):
    """One write for each key; gives the keys that are to be applied now."""
    chosen = set(given)
    for key in gone:
        guest = config.load('qemu', vmid)
        if key not in guest.current and key not in guest.pending:
            task.warn(f"cannot delete '{key}' - not set in current configuration!")
            continue
        chosen.add(key)
        pending.want_deleted(guest, key)
        config.save('qemu', vmid, guest)
    for key, value in given.items():
        guest = config.load('qemu', vmid)
        if guest.pending.get(key) != value:
            pending.want(guest, key, value)
            config.save('qemu', vmid, guest)
    return chosen


def is_fast(key):
    return key in FAST or key.startswith(FAST_PREFIX)


def hotplug(vmid, guest, chosen):
    fast = [key for key in guest.pending if is_fast(key)]
    for key in fast:
        guest.current[key] = guest.pending.pop(key)
    if fast:
        config.save('qemu', vmid, guest)
    qmp.execute(vmid, 'query-version')

    def delete(key):
        if is_fast(key):
            return
        qemu_nic.unplug(vmid, index_of(key))

    def change(key, value):
        index = index_of(key)
        before = guest.current.get(key)
        update_net(vmid, index, config.properties(before) if before else None, config.properties(value))

    return pending.apply_hot(guest, chosen, delete, change, 'hotplug problem - ')


def index_of(key):
    if not (key.startswith('net') and key[3:].isdigit()):
        raise pending.Skip
    return int(key[3:])


def update_net(vmid, index, before, net):
    if before is None:
        qemu_nic.plug_in(vmid, index, net)
        return
    if qemu_nic.device_of(before) != qemu_nic.device_of(net) or not ('bridge' in before and 'bridge' in net):
        qemu_nic.unplug(vmid, index)
        qemu_nic.plug_in(vmid, index, net)
        return
    iface = f'tap{vmid}i{index}'
    moved = differs(before, net, 'bridge', 'tag')
    if moved or differs(before, net, 'trunks', 'firewall'):
        plug.tap_unplug(iface)
        if moved:
            set_link(vmid, index, False)
        plug.tap_plug(iface, net)
    if moved or differs(before, net, 'link_down'):
        set_link(vmid, index, not plug.enabled(net, 'link_down'))


def differs(before, after, *keys):
    return [before.get(key) for key in keys] != [after.get(key) for key in keys]


def set_link(vmid, index, up):
    qmp.execute(vmid, ('set_link', {'name': f'net{index}', 'up': up}))
