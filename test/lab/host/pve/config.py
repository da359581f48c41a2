# Guest configuration under /etc/pve: read, write, lock, and the .vmlist that names every guest.
import contextlib
import fcntl
import json
import os
import random
import re
import socket
import time

from . import sections
from .task import TaskError

PVE = '/etc/pve'
FOLDER = {'qemu': 'qemu-server', 'lxc': 'lxc'}
LOCK = {'qemu': '/var/lock/qemu-server/lock-{}.conf', 'lxc': '/run/lock/lxc/pve-config-{}.lock'}


def node():
    return socket.gethostname().split('.')[0]


def path(kind, vmid, on=None):
    return f'{PVE}/nodes/{on or node()}/{FOLDER[kind]}/{vmid}.conf'


def check_vmid(vmid):
    if not re.fullmatch(r'[1-9]\d{2,8}', vmid):
        raise TaskError(f"400 Parameter verification failed.\nvmid: type check ('integer') failed - got '{vmid}'")
    return vmid


def load(kind, vmid, on=None):
    """The whole file, of this node or another; see sections.Guest."""
    try:
        with open(path(kind, vmid, on)) as file:
            return sections.parse(kind, file.read())
    except FileNotFoundError:
        raise TaskError(f"Configuration file 'nodes/{on or node()}/{FOLDER[kind]}/{vmid}.conf' does not exist")


def read(kind, vmid, on=None):
    """The current state only: a snapshot's or pending net0 is not the live one."""
    return load(kind, vmid, on).current


def save(kind, vmid, guest, on=None):
    write_file(path(kind, vmid, on), sections.text_of(kind, guest), 0o640)
    write_vmlist()


def remove(kind, vmid):
    os.unlink(path(kind, vmid))
    write_vmlist()


def write_file(target, text, mode, encoding='utf-8'):
    with open(f'{target}.tmp.{os.getpid()}', 'w', encoding=encoding, newline='') as file:
        file.write(text)
        os.fchmod(file.fileno(), mode)
    os.rename(file.name, target)


def guests():
    """{vmid: (node, kind)} of every node in the tree"""
    found = {}
    for name in os.listdir(f'{PVE}/nodes'):
        for kind, folder in FOLDER.items():
            with contextlib.suppress(FileNotFoundError):
                for file in os.listdir(f'{PVE}/nodes/{name}/{folder}'):
                    if file.endswith('.conf'):
                        found[file[: -len('.conf')]] = (name, kind)
    return found


def write_vmlist():
    """The shape pmxcfs prints: with no guest there is no "ids" at all."""
    target = f'{PVE}/.vmlist'
    version = 1
    with contextlib.suppress(FileNotFoundError, ValueError), open(target) as file:
        version = json.load(file)['version'] + 1
    rows = [f'"{vmid}": {{ "node": "{name}", "type": "{kind}", "version": {version} }}' for vmid, (name, kind) in sorted(guests().items())]
    ids = ',\n"ids": {\n' + ',\n'.join(rows) + '}\n' if rows else ''
    write_file(target, f'{{\n"version": {version}{ids}\n}}\n', 0o440)


def create(kind, vmid, config):
    if vmid in guests():
        what = {'qemu': 'VM', 'lxc': 'CT'}[kind]
        raise TaskError(f"unable to create {what} {vmid} - VM {vmid} already exists on node '{guests()[vmid][0]}'")
    save(kind, vmid, sections.Guest(current=config))


def move(kind, vmid, source, target):
    """To the folder of another node, as migration does it: one rename."""
    os.makedirs(os.path.dirname(path(kind, vmid, target)), exist_ok=True)
    os.rename(path(kind, vmid, source), path(kind, vmid, target))
    write_vmlist()


def check_lock(kind, guest):
    if 'lock' in guest.current:
        raise TaskError(f"{'VM' if kind == 'qemu' else 'CT'} is locked ({guest.current['lock']})")


def set_lock(kind, vmid, lock, on=None):
    """`lock` None takes it off"""
    guest = load(kind, vmid, on)
    guest.current.pop('lock', None)
    if lock:
        guest.current['lock'] = lock
    save(kind, vmid, guest, on)


@contextlib.contextmanager
def locked(kind, vmid, timeout=10):
    """Held while hooks run, so that `qm set` on the same guest inside a hook fails after 10 s."""
    name = LOCK[kind].format(vmid)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, 'a') as file:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TaskError(f"can't lock file '{name}' - got timeout")
                time.sleep(0.05)
        yield


def properties(line):
    """'virtio=AA:..,bridge=x' as a dict; a bare first word is under ''"""
    pairs = [part.partition('=') for part in line.split(',') if part]
    return {key if sign else '': value if sign else key for key, sign, value in pairs}


def nets(config):
    """{index: properties} of every netX, in order"""
    found = {int(key[3:]): properties(value) for key, value in config.items() if re.fullmatch(r'net\d+', key)}
    return dict(sorted(found.items()))


def random_mac():
    return 'BC:24:11:' + ':'.join(f'{random.randrange(256):02X}' for _ in range(3))


def options(args):
    """--key value pairs, as `qm` takes them; a key without a value is 1"""
    found = {}
    words = list(args)
    while words:
        word = words.pop(0)
        if not word.startswith('--'):
            raise TaskError(f"400 unable to parse option '{word}'")
        key, sign, value = word[2:].partition('=')
        if not sign:
            value = '1' if not words or words[0].startswith('--') else words.pop(0)
        found[key] = value
    return found


def split_list(text):
    return [word for word in re.split(r'[,;\s]+', text) if word]
