# What is pending in a guest's configuration: AbstractConfig.pm, functions add_to_pending_delete and the like.
# `delete: a,b` in the pending section names keys to delete.
from . import config
from .task import TaskError


class Skip(Exception):
    """This change cannot be made while the guest runs: it stays pending, which is no error."""


def deletions(guest):
    return [key.removeprefix('!') for key in config.split_list(guest.pending.get('delete', ''))]


def set_deletions(guest, keys):
    guest.pending.pop('delete', None)
    if keys:
        guest.pending['delete'] = ','.join(keys)


def want_deleted(guest, key):
    guest.pending.pop(key, None)
    set_deletions(guest, [*(other for other in deletions(guest) if other != key), key])


def want(guest, key, value):
    guest.pending[key] = value
    set_deletions(guest, [other for other in deletions(guest) if other != key])


def revert(guest, key):
    """Whether it was to be changed or deleted"""
    guest.pending.pop(key, None)
    set_deletions(guest, [other for other in deletions(guest) if other != key])


def drop_void(guest):
    """Takes out what is so already; true if there was any."""
    before = dict(guest.pending)
    set_deletions(guest, [key for key in deletions(guest) if key in guest.current])
    for key, value in before.items():
        if guest.current.get(key) == value:
            del guest.pending[key]
    return guest.pending != before


def apply_cold(guest):
    """The guest is stopped: everything pending becomes current (vmconfig_apply_pending)."""
    for key in deletions(guest):
        guest.current.pop(key, None)
    set_deletions(guest, [])
    guest.current.update(guest.pending)
    guest.pending.clear()


def apply_hot(guest, chosen, delete, change, words):
    """
    Runs delete(key) or change(key, value) for each chosen key; what works becomes current, what raises Skip stays pending.
    Gives {key: error}; `words` are Proxmox's before the error.
    """
    errors = {}

    def attempt(key, work, *args):
        try:
            work(key, *args)
            return True
        except Skip:
            return False
        except TaskError as error:
            errors[key] = words.format(key) + f'{error}\n'
            return False

    for key in sorted(deletions(guest)):
        if key in chosen and attempt(key, delete):
            guest.current.pop(key, None)
            set_deletions(guest, [other for other in deletions(guest) if other != key])
    for key in sorted(key for key in guest.pending if key in chosen and key != 'delete'):
        if attempt(key, change, guest.pending[key]):
            guest.current[key] = guest.pending.pop(key)
    return errors


def raise_errors(errors, usage):
    """Exception.pm, raise_param_exc, as the command line shows it."""
    if errors:
        raise TaskError('400 Parameter verification failed.\n' + ''.join(f'{key}: {text}' for key, text in errors.items()) + usage)
