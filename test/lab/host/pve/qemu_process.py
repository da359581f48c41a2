# Where a VM's kvm keeps its files, and whether it runs.
import contextlib
import os

RUN = '/var/run/qemu-server'
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def running_pid(vmid):
    """The pid file counts only if that process was started with it: Helpers.pm, vm_running_locally."""
    pid_file = f'{RUN}/{vmid}.pid'
    with contextlib.suppress(OSError, ValueError):
        with open(pid_file) as file:
            pid = int(file.read())
        with open(f'/proc/{pid}/cmdline') as file:
            words = file.read().split('\0')
        if pid_file in words:
            return pid
    return None
