# A task as Proxmox runs one: what it prints goes to the terminal and to a log; commands are run as PVE::Cmd::run does.
import os
import selectors
import subprocess
import sys

TASK_DIR = '/var/log/pve/tasks'
PATH = '/sbin:/bin:/usr/sbin:/usr/bin'


class TaskError(Exception):
    """What Perl's die is there: the task ends with this text."""


class Task:
    """One log per guest, /var/log/pve/tasks/<vmid>.log, appended to by each task of that guest; no vmid, no log."""

    def __init__(self, vmid=None):
        os.makedirs(TASK_DIR, exist_ok=True)
        self.log = open(f'{TASK_DIR}/{vmid}.log' if vmid else os.devnull, 'ab', buffering=0)

    def write(self, data, stream):
        self.log.write(data)
        try:
            os.write(stream, data)
        except BrokenPipeError:
            pass

    def say(self, text):
        self.write(f'{text}\n'.encode(), 1)

    def warn(self, text):
        self.write(f'{text}\n'.encode(), 2)

    def carry_out(self, command, vmid, args):
        """Perl's die: one line on stderr and in the log, exit code 255."""
        try:
            command(self, vmid, args)
        except TaskError as error:
            self.warn(error)
            sys.exit(255)

    def run(self, argv):
        """No shell, no timeout; stdin is a pipe already closed; ends when *both* output pipes are at EOF."""
        env = {**os.environ, 'LC_ALL': 'C', 'LVM_SUPPRESS_FD_WARNINGS': '1', 'PATH': PATH}
        try:
            child = spawn(argv, env)
        except OSError as error:
            raise TaskError(f"command '{' '.join(argv)}' failed: failed to execute: {error.strerror}")
        child.stdin.close()
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ, 1)
            selector.register(child.stderr, selectors.EVENT_READ, 2)
            while selector.get_map():
                for key, _ in selector.select():
                    data = os.read(key.fd, 65536)
                    if data:
                        self.write(data, key.data)
                    else:
                        selector.unregister(key.fileobj)
        code = child.wait()
        if code:
            reason = f'exit code {code}' if code > 0 else f'got signal {-code}'
            raise TaskError(f"command '{' '.join(argv)}' failed: {reason}")


def spawn(argv, env):
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    try:
        return subprocess.Popen(argv, env=env, **pipes)
    except OSError as error:
        if error.strerror != 'Exec format error':
            raise
        # Perl's exec hands a file without shebang to /bin/sh
        return subprocess.Popen(['/bin/sh', *argv], env=env, **pipes)


def main(command):
    """Runs an entry point: its return value is the exit code, a TaskError is told on stderr."""
    try:
        sys.exit(command(sys.argv[1:]))
    except TaskError as error:
        os.write(2, f'{error}\n'.encode())
        sys.exit(255)
