#!/usr/bin/env python3
"""Second verifier of the ledger, written from docs/ledger.md and not from our TypeScript. Usage: verify.py FILE..."""
import hashlib
import json
import re
import sys

FIELDS = ["action", "boot_id", "category", "cause", "data", "height", "hostname", "metadata", "pid",
          "prev_hash", "producer", "timestamp", "user", "version"]


def no_twice(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def verify(raw):
    prev, height = "0" * 64, 0
    lines = raw.split(b"\n")
    torn = lines.pop() != b""
    for line in lines:
        if not (line.startswith(b'{"block":') and line[-75:-66] == b',"hash":"' and line.endswith(b'"}')):
            return "broken", height
        block = line[9:-75]
        if hashlib.sha256(block).hexdigest().encode() != line[-66:-2]:
            return "broken", height
        try:
            read = json.loads(line.decode("utf-8", "strict"), object_pairs_hook=no_twice)["block"]
        except ValueError:
            return "broken", height
        linked = read.get("prev_hash") == prev and read.get("height") == height + 1
        if not linked or list(read) != FIELDS or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", read["timestamp"]):
            return "broken", height
        prev, height = line[-66:-2].decode(), height + 1
    return ("torn-tail" if torn else "ok"), height


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        print(*verify(file.read()), path)
