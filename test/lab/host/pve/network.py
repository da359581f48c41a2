# The node's own network: what "System > Network" in the GUI does. pve-manager's API2/Network.pm.
import contextlib
import fcntl
import os
import subprocess
import time

from . import config, interfaces, interfaces_writer
from .task import TaskError

FILE = '/etc/network/interfaces'
NEW = f'{FILE}.new'
LOCK = '/etc/network/.pve-interfaces.lock'


def fresh(bridge, address, uplink):
    """The file of a node that has just been installed. netdev datapath, since lab machines have no openvswitch module."""
    ports = f'\tovs_ports {uplink}\n' if uplink else ''
    return f"""\
auto lo
iface lo inet loopback

{f'iface {uplink} inet manual' if uplink else ''}

auto {bridge}
iface {bridge} inet static
	address {address}
	ovs_type OVSBridge
{ports}	ovs_options datapath_type=netdev

source /etc/network/interfaces.d/*
"""


def formatted(text, nics=None):
    """`text` and what it becomes have one character per byte."""
    return interfaces_writer.write(*interfaces.read(text, interfaces.physical_nics() if nics is None else nics))


def save():
    """As the GUI does for any change, here for none: reads the pending file or else the current, writes the pending one."""
    with locked():
        text = formatted(read_bytes(NEW if os.path.exists(NEW) else FILE))
        config.write_file(NEW, text, 0o644, 'latin1')


def read_bytes(path):
    with open(path, encoding='latin1', newline='') as file:
        return file.read()


def apply():
    """"Apply Configuration"; gives ifreload's exit code."""
    with locked(), contextlib.suppress(FileNotFoundError):
        os.rename(NEW, FILE)
    os.makedirs('/run/network', exist_ok=True)
    # Debian's iproute2 has moved away from it, and Debian's ifupdown2 fails without it once a bridge of the kernel is there.
    os.makedirs('/etc/iproute2/rt_tables.d', exist_ok=True)
    return subprocess.run(['ifreload', '-a']).returncode


@contextlib.contextmanager
def locked(timeout=10):
    with open(LOCK, 'a') as file:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TaskError(f"can't lock file '{LOCK}' - got timeout")
                time.sleep(0.05)
        yield
