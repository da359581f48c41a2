# `pct set`: nothing is written until the port has been taken off and put back, and nothing at all when that fails.
# API2/LXC/Config.pm, update_vm; LXC/Config.pm, update_pct_config and vmconfig_hotplug_pending; LXC.pm, update_net and hotplug_net.
# As in pve-container 6.1.10. Where Proxmox changed, so that the next difference is easy to find:
#   5.2.2  (2024-11, 11190ad)  no write of the card without its bridge between unplug and plug; a plug that fails puts the old one back
#   6.0.0  (2025-04, bd401ac)  `link_down=0` sets no link down
#   6.0.15 (2025-11, c5fefa1)  `host-managed` instead of `ipmanagehost`
# Always so: only net0 to net9 are pulled from a running container (`^net(\d)$`); other trunks or another mtu alone move nothing.
import sys

from . import config, container, hookscript, pending, plug
from .task import TaskError

FAST = {'cores', 'description', 'hookscript', 'hostname', 'lock', 'onboot', 'protection', 'startup', 'tags'}
USAGE = 'pct set <vmid> [OPTIONS]'


def set_options(task, vmid, given, gone, reverted=()):
    guest = config.load('lxc', vmid)
    config.check_lock('lxc', guest)
    if 'hookscript' in given:
        hookscript.check(given['hookscript'])
    for key in reverted:
        pending.revert(guest, key)
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
    # "don't write to config if we get any errors": what other cards' changes wrote on their way is all that stays.
    pending.raise_errors(errors, USAGE)
    config.save('lxc', vmid, guest)


def hotplug(vmid, guest, chosen):
    for key in sorted(FAST & chosen & guest.pending.keys()):
        guest.current[key] = guest.pending.pop(key)

    def delete(key):
        if key in FAST:
            return
        if index_of(key) > 9:
            raise pending.Skip
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
    """Of what was changed, what net_tap_plug takes becomes current here; the rest does when all is done."""
    after = dict(before)
    if differs(before, net, 'bridge', 'tag', 'firewall') or is_down(before) != is_down(net):
        if 'bridge' in before:
            plug.tap_unplug(veth)
        try:
            container.plug_unless_down(veth, net)
        except TaskError:
            restore(veth, before)
            raise
        after |= set_ones(net, 'bridge', 'tag', 'firewall', 'rate', 'link_down')
    elif 'rate' in net:
        after['rate'] = net['rate']
    write_current(vmid, guest, key, after)


def restore(veth, before):
    try:
        container.plug_unless_down(veth, before)
    except TaskError as error:
        print(f'restoring old network due to hot-plug failure for {veth} failed - {error}', file=sys.stderr)


def hotplug_net(vmid, guest, key, veth, net):
    peer = f'{veth}p'
    plug.veth_create(veth, peer, net.get('bridge', ''), net['hwaddr'])
    container.plug_unless_down(veth, net)
    plug.run('lxc-device', '-n', vmid, 'add', peer, net['name'])
    container.inside(vmid, 'ip', 'link', 'set', net['name'], 'up')
    done = set_ones(net, 'bridge', 'tag', 'firewall', 'hwaddr', 'name', 'link_down')
    write_current(vmid, guest, key, done | {'type': 'veth'})


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


def is_down(net):
    return plug.enabled(net, 'link_down')


def set_ones(net, *names):
    """Those that are there and, as Perl sees them, true."""
    return {name: net[name] for name in names if net.get(name, '0') not in ('', '0')}
