# Starts and stops all guests of this node: pve-manager's API2/Nodes.pm, functions startall and stopall.
import concurrent.futures
import itertools
import os
import subprocess

from . import config, container, qemu

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMAND = {'qemu': f'{HERE}/qm', 'lxc': f'{HERE}/pct'}
LAST = 2**63 - 1


def here():
    """{vmid: (kind, keys)} of this node's guests"""
    return {vmid: (kind, config.read(kind, vmid)) for vmid, (node, kind) in config.guests().items() if node == config.node()}


def order_of(keys):
    """`startup: order=N,up=S,down=S`, or the bare number"""
    given = config.properties(keys.get('startup', ''))
    return int(given.get('order', given.get('', LAST)))


def in_order(guests):
    """[[(vmid, kind, keys)]]: those of one order together"""
    rows = sorted(((vmid, kind, keys) for vmid, (kind, keys) in guests.items()), key=lambda row: (order_of(row[2]), int(row[0])))
    return [list(group) for _, group in itertools.groupby(rows, key=lambda row: order_of(row[2]))]


def start_all(parallel=1):
    """Those with `onboot: 1`, one after the other; a backup that the boot interrupted holds none up. False if one failed."""
    for vmid, (kind, keys) in here().items():
        if keys.get('lock') == 'backup':
            config.set_lock(kind, vmid, None)
    wanted = {vmid: row for vmid, row in here().items() if row[1].get('onboot') == '1' and row[1].get('template') != '1'}
    return all([run([row for row in group if not is_running(row)], parallel, ['start']) for group in in_order(wanted)])


def stop_all(parallel=4, timeout=10):
    """Asks each to shut down, in the other order, and stops what does not within `timeout` s."""
    for group in reversed(in_order(here())):
        running = [row for row in group if is_running(row)]
        run(running, parallel, ['shutdown', '--timeout', str(timeout)])
        run([row for row in running if is_running(row)], parallel, ['stop'])


def is_running(row):
    vmid, kind, _ = row
    return bool(qemu.running_pid(vmid)) if kind == 'qemu' else container.running(vmid)


def run(group, parallel, words):
    """Each in a session of its own, as a task of the API is."""

    def task(row):
        vmid, kind, _ = row
        return subprocess.run([COMMAND[kind], words[0], vmid, *words[1:]], stdin=subprocess.DEVNULL, start_new_session=True).returncode

    with concurrent.futures.ThreadPoolExecutor(max_workers=parallel) as pool:
        return not any(list(pool.map(task, group)))
