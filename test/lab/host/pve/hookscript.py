# Runs a guest's hookscript: PVE::GuestHelpers, functions check_hookscript and exec_hookscript.
import os
import re

from .task import TaskError


def check(volid):
    found = re.fullmatch(r'local:snippets/([^/]+)', volid)
    if not found:
        raise TaskError(f"'{volid}' is not a snippet")
    path = f'/var/lib/vz/snippets/{found[1]}'
    # the errors name the volume, not the file
    if not os.path.isfile(path):
        raise TaskError(f"script '{volid}' does not exist")
    if not os.access(path, os.X_OK):
        raise TaskError(f"script '{volid}' is not executable")
    return path


def run(task, config, vmid, phase, stop_on_error=False):
    if 'hookscript' not in config:
        return
    try:
        task.run([check(config['hookscript']), vmid, phase])
    except TaskError as error:
        text = f'hookscript error for {vmid} on {phase}: {error}'
        if stop_on_error:
            raise TaskError(text)
        task.warn(text)
