# `pct set`: unlike with a VM, the pending section is not written before the first command on the port, but right after it.
# API2/LXC/Config.pm, update_vm; LXC/Config.pm, update_pct_config and vmconfig_hotplug_pending; LXC.pm, update_net and hotplug_net.
from . import config, container, hookscript, pending, plug
from .task import TaskError

FAST = {'cores', 'description', 'hookscript', 'hostname', 'lock', 'onboot', 'protection', 'startup', 'tags'}
USAGE = 'pct set <vmid> [OPTIONS]'


def set_options(task, vmid, given, gone):
    guest = config.load('lxc', vmid)
    config.check_lock('lxc', guest)
    if 'hookscript' in given:
        hookscript.check(given['hookscript'])
    for key in gone:
        if key in guest.current or key in guest.pending:
            pending.want_deleted(guest, key)
        else:
            task.warn(f"cannot delete '{key}' - not set in current configuration!")
    for key, value in given.items():
        pending.want(guest, key, value)
    pending.drop_void(guest)
    if container.running(vmid):
        errors = hotplug(vmid, guest, {*given, *gone})
    else:
        pending.apply_cold(guest)
        errors = {}
    # Nothing is written after a failure: what replug() wrote on its way is all that stays.
    pending.raise_errors(errors, USAGE)
    config.save('lxc', vmid, guest)


def hotplug(vmid, guest, chosen):
    for key in sorted(FAST & chosen & guest.pending.keys()):
        guest.current[key] = guest.pending.pop(key)

    def delete(key):
        if key not in FAST:
            plug.veth_delete(f'veth{vmid}i{index_of(key)}')

    def change(key, value):
        update_net(vmid, guest, key, config.properties(value))

    return pending.apply_hot(guest, chosen, delete, change, 'unable to hotplug {}: ')


def index_of(key):
    if not (key.startswith('net') and key[3:].isdigit()):
        raise pending.Skip
    return int(key[3:])


def update_net(vmid, guest, key, net):
    index = index_of(key)
    veth = f'veth{vmid}i{index}'
    if key not in guest.current:
        hotplug_net(vmid, guest, key, veth, net)
    else:
        before = config.properties(guest.current[key])
        if differs(before, net, 'hwaddr', 'name'):
            plug.veth_delete(veth)
            del guest.current[key]
            config.save('lxc', vmid, guest)
            hotplug_net(vmid, guest, key, veth, net)
        else:
            replug(vmid, guest, key, veth, before, net)
    update_addresses(vmid, guest, key, net)


def replug(vmid, guest, key, veth, before, net):
    """Other trunks alone move nothing, as with Proxmox."""
    after = dict(before)
    if differs(before, net, 'bridge', 'tag', 'firewall', 'link_down'):
        if 'bridge' in before:
            plug.tap_unplug(veth)
            after = without(before, 'bridge', 'tag', 'firewall')
            write_current(vmid, guest, key, after)
        container.plug_unless_down(veth, net)
        after |= {name: net[name] for name in ('bridge', 'tag', 'firewall', 'rate', 'link_down') if name in net}
    write_current(vmid, guest, key, after)


def hotplug_net(vmid, guest, key, veth, net):
    peer = f'{veth}p'
    plug.veth_create(veth, peer, net.get('bridge', ''), net['hwaddr'])
    container.plug_unless_down(veth, net)
    plug.run('lxc-device', '-n', vmid, 'add', peer, net['name'])
    container.inside(vmid, 'ip', 'link', 'set', net['name'], 'up')
    write_current(vmid, guest, key, {name: net[name] for name in net if name not in container.ADDRESS_KEYS})


def update_addresses(vmid, guest, key, net):
    """The new address is added before the old one goes; a failure is a warning only."""
    before = config.properties(guest.current[key])
    for name, family in (('ip', '-4'), ('ip6', '-6')):
        old, new = before.get(name), net.get(name)
        if old == new:
            continue
        try:
            for verb, address in (('add', new), ('del', old)):
                if address and address not in ('manual', 'dhcp', 'auto'):
                    container.inside(vmid, 'ip', family, 'addr', verb, address, 'dev', net['name'])
        except TaskError:
            continue
        before = without(before, name) | ({name: new} if new else {})
        write_current(vmid, guest, key, before)


def write_current(vmid, guest, key, net):
    guest.current[key] = ','.join(f'{name}={value}' for name, value in net.items())
    config.save('lxc', vmid, guest)


def without(net, *names):
    return {name: value for name, value in net.items() if name not in names}


def differs(before, after, *names):
    return [before.get(name) for name in names] != [after.get(name) for name in names]
