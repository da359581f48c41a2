# vzdump of one guest, without the archive: who is locked, started and stopped for it.
# VZDump.pm, exec_backup_task; VZDump/QemuServer.pm, functions stop_vm, enforce_vm_running_for_backup and restore_vm_power_state.
import time

from . import config, container, qemu, qemu_end, qmp


def run(task, kind, vmid, mode, seconds):
    guest = config.load(kind, vmid)
    config.check_lock(kind, guest)
    say(task, f"Starting Backup of VM {vmid} ({kind})")
    with config.locked(kind, vmid):
        config.set_lock(kind, vmid, 'backup')
    try:
        (vm if kind == 'qemu' else ct)(task, vmid, mode, seconds)
    finally:
        with config.locked(kind, vmid):
            config.set_lock(kind, vmid, None)
    say(task, f'Finished Backup of VM {vmid}')


def say(task, text):
    task.say(f'INFO: {text}')


def vm(task, vmid, mode, seconds):
    """QEMU itself copies its disks: a VM that is stopped, or stopped for it, runs for it, paused at first."""
    was_running = bool(qemu.running_pid(vmid))
    if was_running and mode != 'stop':
        time.sleep(seconds)
        return
    with config.locked('qemu', vmid):
        if was_running:
            say(task, 'stopping guest')
            qemu_end.stop(task, vmid, 'system_powerdown', 60, skip_lock=True)
        say(task, 'starting kvm to execute backup task')
        qemu.start(task, vmid, paused=True, skip_lock=True)
    if was_running:
        qmp.execute(vmid, 'cont')
    time.sleep(seconds)
    if not was_running:
        say(task, 'stopping kvm after backup task')
        with config.locked('qemu', vmid):
            qemu_end.stop(task, vmid, skip_lock=True)


def ct(task, vmid, mode, seconds):
    restart = container.running(vmid) and mode == 'stop'
    if restart:
        with config.locked('lxc', vmid):
            container.stop(task, vmid, kill=False, skip_lock=True)
    time.sleep(seconds)
    if restart:
        with config.locked('lxc', vmid):
            container.start(task, vmid, skip_lock=True)
