# How a VM ends: QemuServer.pm, functions _do_vm_stop, vm_stop_cleanup and vm_reboot; CLI/qm.pm, cleanup; qmeventd.
# QEMU runs pve-bridgedown for its taps whenever it ends by itself, so only a crash leaves them to Proxmox.
# As in qemu-server 9.2.6. Where Proxmox changed, so that the next difference is easy to find:
#   5.0-41 (2018-11, 3ea84ae)  `qm cleanup` after each end; it unplugs the taps of a VM that did not end cleanly, and no others
#   9.1.13 (2026-05, 7d48d8b)  whoever cleans up first runs post-stop and removes the `.cleanup` flag, most often `qm stop`
#                              itself; before, and while `force-legacy-cleanup` is there, `qm cleanup` runs post-stop, later
#   9.1.13 (2026-05)           `qm cleanup` waits up to 30 s for kvm to end; before it gave up at once, without post-stop
# A kill that a stop needs was SIGTERM first at all times.
import contextlib
import json
import os
import signal
import socket
import subprocess
import time

from . import config, hookscript, pending, plug, qmp
from .qemu_process import HERE, RUN, running_pid
from .task import TaskError

LEGACY = f'{RUN}/force-legacy-cleanup'


def stop(task, vmid, command='quit', timeout=60, skip_lock=False):
    whole = config.load('qemu', vmid)
    if not skip_lock:
        config.check_lock('qemu', whole)
    pid = running_pid(vmid)
    if not pid:
        raise TaskError(f'VM {vmid} not running')
    # Fired before the guest is asked: after a timed-out shutdown the VM simply goes on.
    hookscript.run(task, whole.current, vmid, 'pre-stop')
    end(task, vmid, pid, command, timeout)
    cleanup(task, vmid, whole, apply_pending=True)


def stop_without_hooks(task, vmid, guest, pid):
    """The VM runs elsewhere now, and so do its hooks: vm_stop with nocheck, then vm_stop_cleanup with skip_hookscript."""
    end(task, vmid, pid, 'quit', 60)
    cleanup(task, vmid, guest, hooks=False)


def end(task, vmid, pid, command, timeout):
    """A shutdown that is not heeded is an error; a stop is not."""
    forced = command == 'quit'
    try:
        qmp.execute(vmid, command)
        failure = None if ends(pid, timeout) else 'got timeout'
    except TaskError:
        failure = 'failed'
    if not failure or not running_pid(vmid):
        return
    if not forced:
        raise TaskError('VM quit/powerdown failed' + (' - got timeout' if failure == 'got timeout' else ''))
    task.warn(f"VM {'still running' if failure == 'got timeout' else 'quit/powerdown failed'} - terminating now with SIGTERM")
    os.kill(pid, signal.SIGTERM)
    if not ends(pid, 10):
        task.warn('VM still running - terminating now with SIGKILL')
        os.kill(pid, signal.SIGKILL)
        ends(pid, 10)


def reboot(task, vmid, timeout):
    """Comes back when the VM has ended: `qm cleanup` starts it again."""
    request = f'{RUN}/{vmid}.reboot'
    write(request, '')
    try:
        stop(task, vmid, 'system_powerdown', timeout)
    except TaskError:
        os.unlink(request)
        raise


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


def write(path, text):
    with open(path, 'w') as file:
        file.write(text)


def flag_of(vmid):
    return f'{RUN}/{vmid}.cleanup'


def flag(vmid):
    write(flag_of(vmid), f'{int(time.time())}')


def cleanup(task, vmid, whole, apply_pending=False, hooks=True):
    """vm_stop_cleanup: once for each run of the VM, and it unplugs nothing."""
    legacy = os.path.exists(LEGACY)
    if not legacy and not os.path.exists(flag_of(vmid)):
        return
    for extension in ('qmp', 'events', 'pid'):
        remove(f'{RUN}/{vmid}.{extension}')
    if apply_pending and whole.pending:
        pending.apply_cold(whole)
        config.save('qemu', vmid, whole)
    if hooks and not legacy:
        hookscript.run(task, whole.current, vmid, 'post-stop')
    remove(flag_of(vmid))


def remove(path):
    """Whether it was there"""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        return True
    return False


def watch(vmid, pid):
    """What qmeventd is for: a process that is told how QEMU ends, and cleans up then. It listens when this returns."""
    unit = ['systemd-run', '--quiet', '--collect', '--service-type=notify', f'--unit=qmeventd-{vmid}-{pid}']
    subprocess.run([*unit, f'{HERE}/pve-qmeventd', vmid], check=True)


def follow(vmid):
    """Whether QEMU said that it shuts down before it ended, and whether its guest wanted that: qmeventd.c, handle_qmp_event."""
    clean = by_guest = False
    with socket.socket(socket.AF_UNIX) as events:
        with contextlib.suppress(OSError):
            events.connect(f'{RUN}/{vmid}.events')
            events.sendall(b'{"execute":"qmp_capabilities"}\n')
        tell_systemd()
        with contextlib.suppress(OSError):
            for line in events.makefile():
                told = json.loads(line)
                if told.get('event') == 'SHUTDOWN':
                    clean, by_guest = True, told['data']['guest']
    return clean, by_guest


def tell_systemd():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'].replace('@', '\0', 1))


def cleanup_after_end(task, vmid, clean, by_guest):
    """`qm cleanup`: waits for the lock that a stop holds, and finds most often that nothing is left to do. True: start it again."""
    if config.guests().get(vmid) != (config.node(), 'qemu'):
        return False
    with config.locked('qemu', vmid, timeout=60):
        whole = config.load('qemu', vmid)
        if running_pid(vmid):
            # Proxmox keeps the lock for 30 s first, in case this is the old one; here it has ended before anybody is told.
            raise TaskError('aborting cleanup, VM is still running')
        if whole.current.get('lock') == 'rollback':
            raise TaskError("skipping cleanup - 'rollback' lock is present")
        if not clean:
            for index in config.nets(whole.current):
                plug.tap_unplug(f'tap{vmid}i{index}')
        legacy = os.path.exists(LEGACY)
        if not legacy or not clean or by_guest:
            cleanup(task, vmid, whole)
        if legacy:
            hookscript.run(task, whole.current, vmid, 'post-stop')
        return remove(f'{RUN}/{vmid}.reboot')
