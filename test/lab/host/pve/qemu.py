# A VM's life, in Proxmox's order: pre-start < pve-bridge (tap_create, tap_plug) < post-start < pre-stop < pve-bridgedown < post-stop.
import contextlib
import os
import signal
import subprocess
import time

from . import config, hookscript, pending, plug, qemu_nic, qmp
from .task import TaskError

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


def start(task, vmid, migrated_from='', paused=False, skip_lock=False):
    """`migrated_from`: that node still has the file; `paused`: kvm waits for `cont`, as for a backup."""
    whole = config.load('qemu', vmid, migrated_from or None)
    if not skip_lock:
        config.check_lock('qemu', whole)
    if running_pid(vmid):
        raise TaskError(f'VM {vmid} already running')
    if whole.pending and not migrated_from:
        pending.apply_cold(whole)
        config.save('qemu', vmid, whole)
    guest = whole.current
    os.environ['PVE_MIGRATED_FROM'] = migrated_from
    hookscript.run(task, guest, vmid, 'pre-start', stop_on_error=True)
    os.makedirs(RUN, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f'{RUN}/{vmid}.cleanup')
    try:
        task.run(scope(vmid) + command_line(vmid, guest) + (['-S'] if paused else []))
    except TaskError as error:
        raise TaskError(f'start failed: {error}')
    for index, net in config.nets(guest).items():
        if plug.enabled(net, 'link_down'):
            qmp.execute(vmid, ('set_link', {'name': f'net{index}', 'up': False}))
    watch_end(vmid, running_pid(vmid))
    hookscript.run(task, guest, vmid, 'post-start')
    del os.environ['PVE_MIGRATED_FROM']


def scope(vmid):
    """PVE puts each QEMU into /qemu.slice/<vmid>.scope"""
    return ['systemd-run', '--quiet', '--scope', '--collect', '--slice=qemu', '--property=DefaultDependencies=no', f'--unit={vmid}', '--']


def command_line(vmid, guest):
    # Proxmox's own `-id <vmid>` is a patch of theirs; Debian's QEMU knows only -name.
    return [
        'qemu-system-x86_64', '-name', f"{guest.get('name', f'vm{vmid}')},debug-threads=on", '-pidfile', f'{RUN}/{vmid}.pid', '-daemonize',
        '-qmp', f'unix:{RUN}/{vmid}.qmp,server=on,wait=off', '-accel', 'tcg', '-m', guest.get('memory', '128'),
        '-nodefaults', '-display', 'none', '-serial', f'file:{RUN}/{vmid}.console',
        '-kernel', '/opt/lab/vm/vmlinux', '-initrd', '/opt/lab/vm/initrd.gz', '-append', ' '.join(['console=ttyS0', 'quiet', *addresses(guest)]),
        *(word for index, net in config.nets(guest).items() for word in qemu_nic.command_words(vmid, index, net)),
    ]  # fmt: skip


def addresses(guest):
    """`ipconfigN: ip=CIDR` is Proxmox's cloud-init key; the lab's VM takes it from the kernel command line, also for a later NIC."""
    for index in range(32):
        address = config.properties(guest.get(f'ipconfig{index}', '')).get('ip')
        if address:
            yield f"opa.ip{index or ''}={address}"


def bridge(iface):
    """What QEMU's script= runs when it has created the tap: a pending change counts already, and an incoming VM's file is elsewhere."""
    vmid, index = iface[len('tap') :].split('i')
    guest = config.load('qemu', vmid, os.environ.get('PVE_MIGRATED_FROM') or None)
    line = guest.pending.get(f'net{index}', guest.current.get(f'net{index}'))
    if line is None:
        raise TaskError(f'unable to get network config net{index}')
    net = config.properties(line)
    plug.tap_create(iface, net['bridge'])
    plug.tap_plug(iface, net)


def stop(task, vmid, command='quit', timeout=30, skip_lock=False):
    whole = config.load('qemu', vmid)
    if not skip_lock:
        config.check_lock('qemu', whole)
    guest = whole.current
    pid = running_pid(vmid)
    if not pid:
        raise TaskError(f'VM {vmid} not running')
    # Fired before the guest is asked: after a timed-out shutdown the VM simply goes on.
    hookscript.run(task, guest, vmid, 'pre-stop')
    qmp.execute(vmid, command)
    if not ends(pid, timeout):
        if command != 'quit':
            raise TaskError('VM quit/powerdown failed - got timeout')
        task.warn('VM still running - terminating now with SIGKILL')
        os.kill(pid, signal.SIGKILL)
        ends(pid, 10)
    cleanup(task, vmid, guest, pid)


def stop_without_hooks(task, vmid, guest, pid):
    """The VM runs elsewhere now. QEMU still runs pve-bridgedown for its taps."""
    qmp.execute(vmid, 'quit')
    if not ends(pid, 30):
        os.kill(pid, signal.SIGKILL)
        ends(pid, 10)
    release(vmid, guest, pid)


def ends(pid, timeout):
    deadline = time.monotonic() + timeout
    while os.path.exists(f'/proc/{pid}') and not is_zombie(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_zombie(pid):
    with contextlib.suppress(OSError), open(f'/proc/{pid}/stat') as file:
        return file.read().rpartition(')')[2].split()[0] == 'Z'
    return True


def cleanup(task, vmid, guest, pid):
    """vm_stop_cleanup (qm) or qmeventd, whoever comes first."""
    if release(vmid, guest, pid):
        hookscript.run(task, guest, vmid, 'post-stop')


def release(vmid, guest, pid):
    """Once per run of the VM; true for the one who did it."""
    flag = f'{RUN}/{vmid}.cleanup'
    if os.path.exists(flag):
        return False
    with open(flag, 'w') as file:
        file.write(f'{pid}\n')
    for index in config.nets(guest):
        plug.tap_unplug(f'tap{vmid}i{index}')
    return True


def watch_end(vmid, pid):
    """qmeventd's part: when QEMU ends without qm (poweroff inside, a crash), somebody must clean up."""
    subprocess.run(['systemd-run', '--quiet', '--collect', f'--unit=qmeventd-{vmid}-{pid}', f'{HERE}/qm', 'cleanup', vmid, str(pid)], check=True)


def cleanup_after_end(task, vmid, pid):
    ends(pid, float('inf'))
    with config.locked('qemu', vmid, timeout=60):
        if config.guests().get(vmid) == (config.node(), 'qemu') and not running_pid(vmid):
            cleanup(task, vmid, config.read('qemu', vmid), pid)
