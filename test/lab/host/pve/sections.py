# A guest's configuration file as its sections: the current state, what is pending, snapshots.
# QemuServer.pm, parse_vm_config and write_vm_config; LXC/Config.pm, parse_pct_config and write_pct_config.
import dataclasses
import re

LINE = re.compile(r'^([a-z][a-z_\-.]*\d*[a-z_\-.\d]*):\s*(.+?)\s*$')
PENDING = {'qemu': '[PENDING]', 'lxc': '[pve:pending]'}
SPECIAL = re.compile(r'^\[special:[a-z]+\]$')
SNAPSHOT = re.compile(r'^\[([a-z][a-z0-9_\-]+)\]$', re.IGNORECASE)


@dataclasses.dataclass
class Guest:
    description: list = dataclasses.field(default_factory=list)
    current: dict = dataclasses.field(default_factory=dict)
    pending: dict = dataclasses.field(default_factory=dict)
    special: dict = dataclasses.field(default_factory=dict)
    """section header: its keys"""
    snapshots: dict = dataclasses.field(default_factory=dict)
    """name: its keys"""


def parse(kind, text):
    """A section of no known kind is passed over, and so lost at the next write, as with Proxmox."""
    guest = Guest()
    keys, top = guest.current, True
    for line in text.splitlines():
        if line.startswith('['):
            keys, top = section(kind, guest, line.strip()), False
        elif line.startswith('#') and top:
            guest.description.append(line)
        elif found := LINE.match(line):
            keys[found[1]] = found[2]
    return guest


def section(kind, guest, header):
    if header.upper() == PENDING[kind].upper():
        return guest.pending
    if SPECIAL.match(header):
        return guest.special.setdefault(header, {})
    if found := SNAPSHOT.match(header):
        return guest.snapshots.setdefault(found[1], {})
    return {}


def text_of(kind, guest):
    parts = ['\n'.join([*guest.description, *lines(guest.current)])]
    if guest.pending:
        parts.append('\n'.join([PENDING[kind], *lines(guest.pending)]))
    parts += ['\n'.join([header, *lines(keys)]) for header, keys in guest.special.items()]
    parts += ['\n'.join([f'[{name}]', *lines(keys)]) for name, keys in sorted(guest.snapshots.items())]
    return '\n\n'.join(parts) + '\n'


def lines(keys):
    return [f'{key}: {keys[key]}' for key in sorted(keys)]
