# A VM's NIC: how QEMU is told of it at the start, and how one is plugged in and pulled while the VM runs.
# QemuServer.pm, functions print_netdev_full, vm_deviceplug and vm_deviceunplug.
import os
import time

from . import qmp
from .task import TaskError

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODELS = ('virtio', 'e1000', 'rtl8139', 'vmxnet3')


def model_of(net):
    model = next((model for model in MODELS if model in net), None)
    return (model, net[model]) if model else (net.get('model', 'virtio'), net['macaddr'])


def device_of(net):
    """What cannot change without a new device"""
    return (*model_of(net), net.get('queues'), net.get('mtu'))


def netdev(vmid, index, net, hotplug=False):
    if 'bridge' not in net:
        return {'type': 'user', 'id': f'net{index}'}
    script = f"{HERE}/pve-bridge{'-hotplug' if hotplug else ''}"
    return {
        'type': 'tap', 'id': f'net{index}', 'ifname': f'tap{vmid}i{index}',
        'script': script, 'downscript': f'{HERE}/pve-bridgedown', 'vhost': False,
    }  # fmt: skip


def device(index, net):
    model, mac = model_of(net)
    driver = 'virtio-net-pci' if model == 'virtio' else model
    return {'driver': driver, 'mac': mac, 'netdev': f'net{index}', 'id': f'net{index}'}


def command_words(vmid, index, net):
    backend, front = netdev(vmid, index, net), device(index, net)
    return '-netdev', joined(backend.pop('type'), backend), '-device', joined(front.pop('driver'), front)


def joined(first, options):
    words = {False: 'off', True: 'on'}
    return ','.join([first, *(f'{key}={words.get(value, value)}' for key, value in options.items())])


def plug_in(vmid, index, net):
    qmp.execute(vmid, ('netdev_add', netdev(vmid, index, net, hotplug=True)))
    try:
        qmp.execute(vmid, ('device_add', device(index, net)))
    except TaskError:
        qmp.execute(vmid, ('netdev_del', {'id': f'net{index}'}))
        raise
    if 'link_down' in net and net['link_down'] not in ('0', 'off', 'no', 'false'):
        qmp.execute(vmid, ('set_link', {'name': f'net{index}', 'up': False}))


def unplug(vmid, index):
    """The guest's own kernel lets go of the device; one that does not within 5 s keeps it."""
    if has_device(vmid, index):
        qmp.execute(vmid, ('device_del', {'id': f'net{index}'}))
    deadline = time.monotonic() + 5
    while has_device(vmid, index):
        if time.monotonic() > deadline:
            raise TaskError(f"error on hot-unplugging device 'net{index}'")
        time.sleep(0.1)
    qmp.execute(vmid, ('netdev_del', {'id': f'net{index}'}))


def has_device(vmid, index):
    return any(entry['name'] == f'net{index}' for entry in qmp.execute(vmid, ('qom-list', {'path': '/machine/peripheral'})))
