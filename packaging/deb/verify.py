#!/usr/bin/python3
"""Checks a ledger of ovs-port-agent with its checkpoints. It shares no code with that, and needs Python's standard library alone."""
import argparse, base64, datetime, decimal, functools, hashlib, io, itertools, json, os, re, struct, sys, zlib
CODES = {"unreadable": 30, "broken": 20, "bad-signature": 21, "diverged": 22, "gap": 23, "torn-tail": 11, "unanchored": 10, "ok": 0}
CATEGORIES = {"network": "bridge interface connection port connectivity lifecycle", "settings": "config policy template parameter",
              "user": "authentication authorization session access", "storage": "storage filesystem mount backup snapshot", "external": "external"}
FIELDS = "action boot_id category cause data height hostname metadata pid prev_hash producer timestamp user version".split()
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\bfnrt]|\\u00(?:0[0-7bef]|1[0-9a-f]))*"')
TOKENS = re.compile(rf"(?:{STRING.pattern}|[][{{}}:,]|true|false|null|-?[0-9][0-9.e+-]*(?![0-9.e+-]))*")
BAD = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, zlib.error, struct.error)
seconds = lambda text: datetime.datetime.strptime(text + "+0000", "%Y-%m-%dT%H:%M:%S.%fZ%z").timestamp()
sha256, whole = lambda *data: hashlib.sha256(b"".join(data)).digest(), lambda value, low, high: type(value) is int and low <= value <= high
at = lambda path: os.path.lexists(path) or os.path.lexists(side := os.path.dirname(path)) and os.path.basename(path) in os.listdir(side)  # or OSError
opened = lambda path: open(path if os.path.isfile(path) else path + "/", "rb")  # a pipe would be waited for
def demand(fine, why="schema", value=None):
    if not fine: raise ValueError(why)
    return value
P, L, ZERO, D = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493, (0, 1, 1, 0), -121665 * pow(121666, -1, 2**255 - 19)
def add(a, b):  # Ed25519 (RFC 8032, section 5.1), in extended coordinates
    e, f, c, d = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0]), 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2]
    return (f - e) * (d - c) % P, (d + c) * (f + e) % P, (d - c) * (d + c) % P, (f - e) * (f + e) % P
times = lambda n, a: functools.reduce(lambda r, bit: add(add(r, r), a) if bit == "1" else add(r, r), bin(n)[2:], ZERO)
def point(raw):
    u, v, odd = ((y := int.from_bytes(raw, "little") & 2**255 - 1)**2 - 1) % P, (D * y * y + 1) % P, raw[31] >> 7
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x + u) % P == 0: x = x * pow(2, (P - 1) // 4, P) % P
    return ((x := x if x % 2 == odd else P - x), y, 1, x * y % P) if y < P and (v * x * x - u) % P == 0 and (x or not odd) else None
BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
@functools.lru_cache(4096)
def is_signed(key, message, signature):
    s, h = (int.from_bytes(raw, "little") for raw in (signature[32:], hashlib.sha512(signature[:32] + key + message).digest()))
    if len(signature) != 64 or s >= L or not (a := point(key)): return False
    x, y, z, _ = add(times(s, BASE), times(h % L, (P - a[0], a[1], 1, P - a[3])))
    return (y * (z := pow(z, -1, P)) % P | (x * z % P & 1) << 255).to_bytes(32, "little") == signature[:32]
bytes_of = lambda text: demand(base64.b64encode(raw := base64.b64decode(text, validate=True)).decode() == text, "base64", raw)
def key_of(text, kind=1):  # C2SP signed-note, and tlog-cosignature: a witness signs with kind 4
    name, digits, raw = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)", text).groups()
    demand(len(raw := bytes_of(raw)) == 33 and raw[0] in (1, kind) and sha256(name.encode(), b"\n", raw)[:4].hex() == digits)
    return name, sha256(name.encode(), b"\n", bytes([kind]), raw[1:])[:4], raw[1:]
def is_by(note, key, kind=1):
    message = lambda raw: (b"cosignature/v1\ntime %d\n" % int.from_bytes(raw[4:12], "big") if kind == 4 else b"") + note["text"].encode()
    found = [is_signed(key[2], message(raw), raw[12 if kind == 4 else 4:]) for name, raw in note["lines"] if (name, raw[:4]) == key[:2]]
    return found != [] and all(found)
def note_of(line):  # C2SP tlog-checkpoint
    text, under = (kept := json.loads(line.decode()))["note"].rsplit("\n\n", 1)
    lines = [re.fullmatch(r"— ([^\s+]+) (\S+)", each).groups() for each in under.removesuffix("\n").split("\n")]
    (origin, size, root, *_), lines = text.split("\n"), [(name, bytes_of(raw)) for name, raw in lines]
    demand(under.endswith("\n") and len(lines) <= 100 and all(len(raw) > 4 for _, raw in lines) and len(kept["note"].encode()) <= 65536 and isinstance(kept["at"], str))
    demand(origin and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text) and len(bytes_of(root)) == 32 and re.fullmatch("0|[1-9][0-9]{0,15}", size) and int(size) < 2**53)
    return dict(at=kept["at"], text=text + "\n", lines=lines, origin=sys.intern(origin), size=int(size), root=bytes_of(root))
def lines_in(path, read):  # what is none is passed over
    for line in iter(functools.partial(opened(path).readline, 1 << 20), b"") if at(path) else []:
        try: yield read(demand(line.endswith(b"\n"), value=line))
        except BAD: continue
def named_in(line):  # a key that was written down beside the ledger when it had signed
    place = (named := json.loads(line.decode(), parse_constant=key_of))["from"]
    return demand(type(place) in (int, float) and place % 1 == 0 <= place < 2**53, value=(place, dict(key=named["key"], origin=key_of(named["key"])[0], why="first")))
says = lambda data, is_epoch: {name: data[name] for name in data if name in ("origin", "key") or is_epoch and (name != "common" or type(data[name]) in (int, float))}
pairs = lambda members: demand(sorted(set(keys := [key.encode("utf-16-be") for key, _ in members])) == keys, "canonical", dict(members))
integer = lambda text: demand(len(text) <= 17 and text == str(int(text)) and abs(int(text)) < 2**53, "canonical", int(text))
def number(text):
    digits, _, power = repr(value := float(text)).partition("e")
    plain = digits if not power else format(decimal.Decimal(text), "f") if int(power) > -7 else f"{digits}e{int(power):+d}"
    return demand(text == plain and not value.is_integer(), "canonical", value)
def block_of(line):
    demand(len(line) <= 65619 and line.startswith(b'{"block":') and line[-75:-66] == b',"hash":"' and line.endswith(b'"}'), "frame")
    demand(hashlib.sha256(line[9:-75]).hexdigest().encode() == line[-66:-2], "hash")
    levels = itertools.accumulate((sign in "{[") - (sign in "}]") for sign in STRING.sub("", line.decode()))
    demand(TOKENS.fullmatch(text := line.decode()) and max(levels) <= 66, "canonical")
    b = json.loads(text, object_pairs_hook=pairs, parse_float=number, parse_int=integer)["block"]
    demand(list(b) == FIELDS and whole(b["height"], 1, 2**53) and re.fullmatch("[0-9a-f]{64}", b["prev_hash"]) and whole(b["version"], 1, 1))
    demand(b["category"] in CATEGORIES[b["producer"]].split() and re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}", b["action"]))
    demand(re.fullmatch("[A-Za-z0-9_-]{1,64}", b["boot_id"]) and all(2 <= len(b[key].encode("utf-16-be")) <= 510 for key in ("hostname", "user")))
    demand(all(isinstance(value, str) for value in b["metadata"].values()) and re.fullmatch(r"[0-9-]{10}T[0-9:]{6}[0-5][0-9.]{5}Z", b["timestamp"]))
    return demand(whole(b["pid"], 0, 2**32 - 1) and (b["cause"] is None or whole(b["cause"], 1, b["height"] - 1)) and seconds(b["timestamp"]) is not None, value=b)
def lines_of(path):
    data, text = opened(path), io.BytesIO()
    while path.endswith(".gz") and (head := data.read(56)):
        body, foot = data.read(struct.unpack("<I", head[16:20])[0]), data.read(8)
        demand(text.write(piece := zlib.decompressobj(-15).decompress(body, (2 << 20) + 1)), "packed")
        found, end = (head[:16].hex(), head[20:24], head[24:], foot), struct.pack("<II", zlib.crc32(piece), len(piece))
        demand(found == ("1f8b08040000000000ff2c004f562800", end[4:], sha256(body), end), "packed")
    return iter(functools.partial((text.seek(0) or text if path.endswith(".gz") else data).readline, 65621), b"")
def faults(side, ledger, keys, witnesses, known, max_age):  # every word that is so, and why
    notes, names, stack, told, height, prev, starts, path = {}, {}, [], [], 0, "0" * 64, [], ledger
    for note in lines_in(side + "/checkpoints.jsonl", note_of):  # one that was cosigned later stands there again
        notes.setdefault(note["text"], note)["lines"] = max(notes.get(note["text"], note)["lines"], note["lines"], key=len)
    sizes, roots, is_there, used, bound, gone = {note["size"] for note in notes.values()}, {0: sha256(b"")}, known in (None, (0, prev)), [], [], []
    def grow(leaf):
        stack.append((1, leaf))
        while len(stack) > 1 and stack[-2][0] == stack[-1][0]: stack[-2:] = [(2 * stack[-1][0], sha256(b"\1", stack[-2][1], stack[-1][1]))]
        if (size := sum(count for count, _ in stack)) in sizes:
            roots[size] = functools.reduce(lambda right, left: sha256(b"\1", left, right), [node for _, node in stack[::-1]])
    for name in sorted(filter(re.compile(r"[0-9]{20}\.jsonl(\.gz)?").fullmatch, os.listdir(side + "/segments") if at(side + "/segments") else []), reverse=True): names[name[:20]] = f"{side}/segments/{name}"
    try:
        for path in [names[name] for name in sorted(names)] + [ledger][:not names or at(ledger)]:
            for place, line in enumerate(lines_of(path)):
                if not line.endswith(b"\n") and len(line) <= 65620: yield ("torn-tail" if path == ledger else "broken", "a last line without an end"); break
                b = block_of(line := line[:-1])
                if place == 0 and b["height"] > height + 1:  # what retention dropped has left its leaves in the tree
                    tree = opened(side + "/tree").read() if at(side + "/tree") else b""
                    for leaf in range(height, b["height"] - 1): grow(tree[32 * sum(leaf >> n for n in range(53)):][:32])
                    starts.append((height := b["height"] - 1, prev := b["prev_hash"]))
                height, prev = demand((b["height"], b["prev_hash"]) == (height + 1, prev), "link", (height + 1, line[-66:-2].decode()))
                grow(sha256(b"\0", line[9:-75]))
                is_there |= known == (height, prev)
                if b["action"].startswith(("ledger_", "agent_started")): told.append((height, b["action"], b["data"]))
        demand(starts in ([], [(data["to"], data["last_hash"]) for _, action, data in told if action == "ledger_bodies_dropped"][-1:]), "missing")
    except BAD as error: yield "broken", f"block {height + 1} in {path}: {error}"
    named, said = list(lines_in(side + "/keys.jsonl", named_in)), ("ledger_epoch_begun", "ledger_key_rotated")
    declared = [key for key in named if starts and key[0] <= starts[0][0]] + [(place, says(data, action == said[0])) for place, action, data in told if action in said and isinstance(data, dict)]
    for size, origin, note in [(note["size"], note["origin"], note) for note in notes.values()]:
        try:
            index, (place, now) = [each for each in enumerate(declared) if each[1][0] <= size][-1]
            if now.get("origin") != origin or next((data["common"] for _, data in declared[index + 1:] if "common" in data), size) < size:
                demand(any(data.get("origin") == origin and is_by(note, key_of(data["key"])) for _, data in declared[:index + 1]))
                yield "gap", f"the {size} blocks that were signed as {origin} are not there"
            else:
                former = ([each for each in declared[:index] if each[0] in used] or declared[:index])[-1:]
                both = former and place not in used and now.get("why") in (None, "rolled-back", "witness-ahead", "origin-changed")
                demand(not both or any(is_by(note, key_of(d["key"])) for _, d in former + gone[-1:] * ("common" in now)))
                again = [key for key, _ in itertools.groupby(d.get("key") for _, d in declared[:index + 1])].count(now["key"]) > 1  # a key has one time
                demand(is_by(note, key_of(now["key"])) and (now.get("why") is not None or not former or former[0][1]["origin"] == origin and not again))
                used.append(place), bound.extend([note] * (size <= height))
                if roots.get(size) != note["root"]: yield "diverged", f"the checkpoint of {size} blocks"
        except BAD:  # the block that declares its key may be one of those that are gone
            mine = [key for key in named if key[0] <= size and key[1]["origin"] == origin and key[1]["key"] not in [d.get("key") for _, d in declared]][-1:]
            is_its, before = mine and is_by(note, key_of(mine[0][1]["key"])), [d["key"] for _, d in named[:named.index(mine[0]) if mine else 0]]
            without = [d for _, d in declared if is_its and type(c := d.get("common")) in (int, float) and c < size and d.get("why") != "first" and d.get("key") not in before]
            yield "gap" if without and not gone.extend(mine) else "diverged" if is_its and size > height else "bad-signature", f"the checkpoint of {size} blocks"
    if keys and bound and not any(is_by(bound[-1], key) for key in keys): yield "bad-signature", "the newest checkpoint is by none of these keys"
    if not is_there: yield "diverged", f"block {known[0]}"
    beats = [each for each in told if each[1] in ("agent_started", "ledger_heartbeat")]
    for (_, _, last), (place, _, data) in [two for two in zip(beats, beats[1:]) if two[0][1] == two[1][1] == "ledger_heartbeat"]:
        if data["beat"] != last["beat"] + 1 or data["mono_s"] - last["mono_s"] > 2 * last["every_s"]: yield "gap", f"block {place}"
    if max_age and bound and abs(datetime.datetime.now().timestamp() - seconds(bound[-1]["at"])) > max_age: yield "gap", "the newest checkpoint is too old"
    if not bound and not known: yield "unanchored", "no checkpoint, and no head was given"
    if not all(bound and is_by(bound[-1], key, 4) for key in witnesses): yield "unanchored", "not all witnesses have cosigned"
    yield "ok", f"block {height} {prev}"
def verify(ledger, *question):
    try: return min(faults(re.sub(r"\.jsonl$", "", ledger) + ".d", ledger, *question), key=lambda fault: list(CODES).index(fault[0]))
    except (OSError, *BAD) as error: return "unreadable", str(error)
if __name__ == "__main__":
    (parser := argparse.ArgumentParser(description=__doc__, epilog=f"Exit codes: {CODES}")).add_argument("ledger", nargs="?", default="/var/lib/ovs-port-agent/ledger.jsonl")
    parser.add_argument("--key", action="append", default=[], type=key_of, help="of the log, NAME+ID+KEY; one of them must have signed")
    parser.add_argument("--witness", action="append", default=[], type=lambda text: key_of(text, 4), help="a key that must have cosigned")
    parser.add_argument("--head", metavar="HEIGHT:HASH", type=lambda text: (int(text.split(":")[0]), text.split(":")[1]), help="a block that must be there")
    parser.add_argument("--max-age", type=float, metavar="SECONDS", help="of the newest checkpoint")
    sys.exit(print(*(found := verify(*vars(parser.parse_args()).values())), sep=": ") or CODES[found[0]])
