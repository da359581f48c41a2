# Talks to a running QEMU over its monitor socket.
import json
import socket

from .task import TaskError


def execute(vmid, *commands):
    """Each command is a name, or (name, arguments); gives what the last one returned, raises what QEMU refuses."""
    path = f'/var/run/qemu-server/{vmid}.qmp'
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(10)
        try:
            monitor.connect(path)
            stream = monitor.makefile('rw')
            stream.readline()
            for command in ('qmp_capabilities', *commands):
                name, arguments = (command, {}) if isinstance(command, str) else command
                stream.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
                stream.flush()
                returned = answer(stream, vmid, name)
            return returned
        except OSError as error:
            raise TaskError(f"VM {vmid} qmp command failed - unable to connect to VM {vmid} qmp socket - {error}")


def answer(stream, vmid, name):
    """The reply to a command; events that come before it are passed over."""
    for line in stream:
        reply = json.loads(line)
        if 'error' in reply:
            raise TaskError(f"VM {vmid} qmp command '{name}' failed - {reply['error']['desc']}")
        if 'return' in reply:
            return reply['return']
