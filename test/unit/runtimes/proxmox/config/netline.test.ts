// netX lines are taken and refused as Proxmox's own Perl did it (test/vectors/proxmox/netline).
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNicProblem, trunkIds } from '../../../../../src/core/guest/nic.ts';
import { parseLxcNetline, parseQemuNetline } from '../../../../../src/runtimes/proxmox/config/netline.ts';

const parsers = { qemu: parseQemuNetline, lxc: parseLxcNetline };

/** Pairs of an input line and what follows `=> `. Leading blanks of the input count. */
function vectors(kind: keyof typeof parsers): [string, string][] {
  const file = new URL(`../../../../vectors/proxmox/netline/${kind}.txt`, import.meta.url);
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# input'));
  return lines.flatMap((line, i) => {
    const answer = lines[i + 1];
    return !line.startsWith('=> ') && answer?.startsWith('=> ')
      ? [[line, answer.slice(3)] as [string, string]]
      : [];
  });
}

/** Proxmox's hash in our words: its numbers are texts, its booleans 1 and 0. */
function expected(json: string): Record<string, unknown> {
  const names: Record<string, string> = {
    macaddr: 'mac',
    hwaddr: 'mac',
    link_down: 'linkDown',
    'host-tunnel': 'hostTunnel',
    'host-managed': 'hostManaged',
  };
  const booleans = new Set(['firewall', 'link_down', 'host-tunnel', 'host-managed']);
  const numbers = new Set(['mtu', 'rate', 'tag', 'queues']);
  const entries = Object.entries(JSON.parse(json) as Record<string, unknown>).map(([key, value]) => {
    const ours = booleans.has(key) ? value === 1 : numbers.has(key) ? Number(value) : value;
    return [names[key] ?? key, ours];
  });
  return { firewall: false, linkDown: false, ...Object.fromEntries(entries) };
}

describe.each(['qemu', 'lxc'] as const)('a netX line of %s', (kind) => {
  const cases = vectors(kind);

  it('has vectors', () => {
    expect(cases.length).toBe({ qemu: 13, lxc: 7 }[kind]);
  });

  it.each(cases)('%j', (line, answer) => {
    const nic = parsers[kind](line);
    if (answer.startsWith('REJECTED')) expect(isNicProblem(nic)).toBe(true);
    else expect(nic).toEqual(expected(answer));
  });

  it('never throws, whatever the line', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'vm=,;:-.01aB \n[#netbridgo') }), (line) => {
        expect(parsers[kind](line)).toBeTypeOf('object');
      }),
    );
  });
});

describe('a QEMU card', () => {
  const mac = 'BC:24:11:00:00:01';

  it.each([
    'virtio,bridge=vmbr0',
    `model=virtio,macaddr=${mac}`,
    `virtio=${mac},,bridge=vmbr0, `,
    `virtio=${mac},tag=+5`,
    `virtio=${mac},queues=64,mtu=65520,rate=1e1`,
    `virtio=${mac},trunks=1;2;10-20`,
    `e1000-82540em=${mac}`,
  ])('may be %s', (line) => {
    expect(parseQemuNetline(line)).not.toHaveProperty('problem');
  });

  it.each([
    ['', 'model is missing'],
    [`virtio=${mac},e1000=${mac}`, 'model is given twice'],
    [`model=virtio,virtio=${mac}`, 'model is given twice'],
    [`virtio=${mac},macaddr=${mac}`, 'macaddr is given twice'],
    [`virtio=${mac},virtio=${mac}`, 'model is given twice'],
    ['virtio,e1000', 'model is given twice'],
    [`virtio=${mac},tag=0`, 'tag: must be at least 1'],
    [`virtio=${mac},tag=4095`, 'tag: must be at most 4094'],
    [`virtio=${mac},mtu=65521`, 'mtu: must be at most 65520'],
    [`virtio=${mac},rate=-1`, 'rate: must be at least 0'],
    [`virtio=${mac},rate=fast`, 'rate: must be a number'],
    [`virtio=${mac},bridge=`, 'has no key or no value'],
    [`virtio=${mac},nope=1`, 'unknown key "nope"'],
    [`virtio=${mac},__proto__=1`, 'unknown key "__proto__"'],
    ['ne3k', 'model: must be one of'],
  ])('may not be %j: %s', (line, problem) => {
    expect(parseQemuNetline(line)).toHaveProperty('problem', expect.stringContaining(problem));
  });

  it.each([
    `macaddr=BC:24:11:00:00:09,virtio=${mac}`,
    `virtio=${mac},macaddr=BC:24:11:00:00:09`,
    `model=virtio,e1000=${mac}`,
    `virtio=${mac},e1000=${mac}`,
  ])('has each property once, also by another name: %s', (line) => {
    expect(parseQemuNetline(line)).toHaveProperty('problem', expect.stringContaining('given twice'));
  });
});

describe('a container’s card', () => {
  it.each([
    'name=eth0,ip=10.0.0.2/8,gw=10.0.0.1',
    'name=eth0,ip6=2001:db8::2/64,gw6=fe80::1',
    'name=eth0,ip6=auto,mtu=65535,rate=-1',
    'name=eth0,firewall=ON,link_down=No',
  ])('may be %s', (line) => {
    expect(parseLxcNetline(line)).not.toHaveProperty('problem');
  });

  it.each([
    ['name=eth0,ip=10.0.0.2', 'ip: must be'],
    ['name=eth0,ip=10.0.0.2/7', 'ip: must be'],
    ['name=eth0,ip=10.0.0.2/33', 'ip: must be'],
    ['name=eth0,ip=auto', 'ip: must be'],
    ['name=eth0,gw=10.0.0.256', 'gw: must be'],
    ['name=eth0,gw6=fe80::1%eth0', 'gw6: must be'],
    ['name=eth0,type=macvlan', 'type: must be one of veth'],
    ['name=eth0,mtu=65536', 'mtu: must be at most'],
    ['name=eth0,hwaddr=01:00:5e:00:00:01', 'hwaddr: must be a unicast MAC'],
    ['eth0', 'is a value without a key'],
    ['', 'name is missing'],
  ])('may not be %j: %s', (line, problem) => {
    expect(parseLxcNetline(line)).toHaveProperty('problem', expect.stringContaining(problem));
  });
});

describe('trunk ids', () => {
  it('are the ranges written out, in order, once each', () => {
    expect(trunkIds('20;1;2;10-12;2')).toEqual([1, 2, 10, 11, 12, 20]);
  });

  it('stay within what OVS can hold, however large the range', () => {
    expect(trunkIds('4094-99999999999')).toEqual([4094, 4095]);
    expect(trunkIds('9-3')).toEqual([]);
  });
});
