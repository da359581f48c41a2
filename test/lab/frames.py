"""Sends frames into a bridge from one network namespace and says which of them arrive in another, and at the host.

frames.py FROM TO BRIDGE LAST FRAME...: frames in hexadecimal; FROM's and TO's card is ovs0. LAST is one that FROM
may send to all: when the host has it twice, the others are through. Then the host sends one to all, and when TO has that,
nothing is on the way any more. Prints the numbers of the frames that arrived: {"to": [...], "host": [...]}.
"""

import ctypes
import json
import os
import socket
import sys

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
libc = ctypes.CDLL(None, use_errno=True)


def card_of(path, device):
    """A socket stays in the namespace where it was made."""
    with open(path) as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns", path)
    card = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    card.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA: tells the VLAN tag that the kernel took off
    card.bind((device, 0))
    card.settimeout(10)
    return card


def until(card, last):
    seen = []
    while True:
        data, ancillary, _, address = card.recvmsg(65536, 4096)
        if address[2] == socket.PACKET_OUTGOING:
            continue
        if data == last:
            return seen
        seen.append(with_tag(data, ancillary))


def with_tag(data, ancillary):
    for _, _, aux in ancillary:
        status, tci, tpid = (int.from_bytes(aux[a:b], sys.byteorder) for a, b in ((0, 4), (16, 18), (18, 20)))
        if status & 0x10:
            return data[:12] + tpid.to_bytes(2, "big") + tci.to_bytes(2, "big") + data[12:]
    return data


def main():
    source, target, bridge, *rest = sys.argv[1:]
    last, *frames = [bytes.fromhex(text) for text in rest]
    to = card_of(f"/run/netns/{target}", "ovs0")
    sender = card_of(f"/run/netns/{source}", "ovs0")
    host = card_of("/proc/1/ns/net", bridge)
    for frame in [*frames, last]:
        sender.send(frame)
    at_host = until(host, last)
    # Within one batch Open vSwitch may overtake frames of a flow it knows: the second one comes in a batch of its own.
    sender.send(last)
    at_host += until(host, last)
    goodbye = b"\xff" * 6 + host.getsockname()[4] + b"\x88\xb5" + os.urandom(46)
    host.send(goodbye)
    at_to = until(to, goodbye)
    numbers = lambda seen: [number for number, frame in enumerate(frames) if frame in seen]
    print(json.dumps({"to": numbers(at_to), "host": numbers(at_host)}))


main()
