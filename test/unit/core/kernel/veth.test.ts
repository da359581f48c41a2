// What is asked and done in the network namespace of a container, which is not trusted.

import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { GivenRecord, GivenRecords } from '../../../../src/core/kernel/given.ts';
import { linkIndex } from '../../../../src/core/kernel/links.ts';
import { openVeths } from '../../../../src/core/kernel/veth.ts';
import type { VethRequest } from '../../../../src/core/kernel/veth-request.ts';
import { AgentError } from '../../../../src/core/lib/errors.ts';
import type { Exec } from '../../../../src/core/lib/exec.ts';

let calls: string[];
let answer: string;
const exec: Exec = async (file, args) => {
  calls.push([file, ...args].join(' '));
  return answer;
};
const records = new Map<string, GivenRecord>();
const given: GivenRecords = {
  read: (outer) => records.get(outer),
  write: (outer, record) => void records.set(outer, record),
  forget: (outer) => void records.delete(outer),
};
const veths = openVeths(exec, { pid: async () => 4711 }, given);
/** Of this very process, so that its namespace is the host's. */
const request: VethRequest = {
  pid: process.pid,
  guestInterface: 'ovs0',
  mac: '02:00:00:00:00:01',
  addresses: ['203.0.113.2/24'],
  gateways: ['203.0.113.1'],
  nameservers: [],
  networks: [],
};
const [outer = 'lo'] = readdirSync('/sys/class/net');

beforeEach(() => {
  calls = [];
  records.clear();
  answer = '[]';
});

describe('a process id that was given to a process of the host meanwhile', () => {
  it('leads to no change of the host when the inner end is set up', async () => {
    await expect(veths.configure(outer, request, true)).rejects.toMatchObject({
      code: 'container-not-attachable',
    });
    expect(calls).toEqual([]);
  });

  it('leads to no change of the host when the former network gets its route back', async () => {
    await expect(veths.release(request)).rejects.toMatchObject({ code: 'container-not-attachable' });
    expect(calls).toEqual([]);
  });
});

it('looks for the inner end alone, not at all that a guest may have made beside it', async () => {
  answer = '[{"ifindex":7,"ifname":"ovs0","link_index":4711}]';
  expect(await veths.hasInnerEnd(outer, request)).toBe(false);
  expect(calls).toEqual([`nsenter --net=/proc/${process.pid}/ns/net -- ip -json link show dev ovs0`]);
});

describe('the host’s ends of a container’s veths', () => {
  it('are those whose other end is in its very namespace, whatever indices a container has made up', async () => {
    const child = spawn('unshare', ['--user', '--net', 'sleep', '60'], { stdio: 'ignore' });
    try {
      const pid = child.pid ?? 0;
      const ours = readlinkSync('/proc/self/ns/net');
      await vi.waitUntil(() => readlinkSync(`/proc/${pid}/ns/net`) !== ours);
      const ns = Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0]);
      const answers: Record<string, string> = {
        lsns: JSON.stringify({
          namespaces: [
            { ns: 1, netnsid: 3 },
            { ns, netnsid: '4' },
          ],
        }),
        ip: JSON.stringify([
          { ifindex: 10, ifname: 'vethTheirs', link_index: 2, link_netnsid: 3 },
          { ifindex: 12, ifname: 'vethB', link_index: 3, link_netnsid: 4 },
          { ifindex: 11, ifname: 'vethA', link_index: 2, link_netnsid: 4 },
          { ifindex: 14, ifname: 'eno1', link_index: 13 },
        ]),
      };
      const here = openVeths(async (file) => answers[file] ?? '', { pid: async () => 4711 }, given);
      expect((await here.hostEndsOf([pid])).get(pid)).toEqual(['vethA', 'vethB']);
      answers.lsns = JSON.stringify({ namespaces: [{ ns, netnsid: 'unassigned' }] });
      expect([...(await here.hostEndsOf([pid, process.pid, 2 ** 22 + 1]))]).toEqual([
        [pid, []],
        [process.pid, []],
      ]);
    } finally {
      child.kill();
    }
  });
});

describe('the inner end for a container that is not trusted', () => {
  it('waits out of its reach, and goes in when it is set up', async () => {
    const child = spawn('unshare', ['--user', '--net', 'sleep', '60'], { stdio: 'ignore' });
    try {
      const own = { ...request, pid: child.pid ?? 0, addresses: [] };
      const ours = readlinkSync('/proc/self/ns/net');
      await vi.waitUntil(() => readlinkSync(`/proc/${own.pid}/ns/net`) !== ours);
      await veths.create('vi1000001', own, { withoutOffload: true });
      expect(calls).toEqual([
        'ip link add name vi1000001 up type veth peer name vi1000001 netns 4711 address 02:00:00:00:00:01',
        'nsenter --net=/proc/4711/ns/net -- ethtool -K vi1000001 tx off',
      ]);
      await expect(
        veths.create('vi1000001', { ...own, guestInterface: 'lo' }, { withoutOffload: true }),
      ).rejects.toMatchObject({
        code: 'interface-taken',
      });
      expect(calls).toHaveLength(2);
      answer = '';
      await veths.configure('vi1000001', own, true);
      const move = `ip link set dev vi1000001 netns ${own.pid} name ovs0`;
      expect(calls[2]).toBe(`nsenter --net=/proc/4711/ns/net -- ${move}`);
      expect(calls.filter((call) => call.includes('ethtool'))).toHaveLength(1);
      await veths.configure('vi1000001', own, true);
      expect(calls.filter((call) => call.includes('4711'))).toHaveLength(3);
      expect(calls.filter((call) => call.includes('ethtool'))).toHaveLength(2);
    } finally {
      child.kill();
    }
  });

  it('is set up also when the command that put it in was ended by its deadline, but had done its work', async () => {
    const child = spawn('unshare', ['--user', '--net', 'sleep', '60'], { stdio: 'ignore' });
    const isThere = JSON.stringify([
      { ifindex: 7, ifname: 'ovs0', link_index: (await linkIndex('lo')) ?? 0 },
    ]);
    const late: Exec = async (file, args, options) => {
      calls.push([file, ...args].join(' '));
      if (args.includes('set')) throw new AgentError('exec-failed', `${file} failed: timed out`);
      return options?.input === undefined ? isThere : '';
    };
    try {
      const own = { ...request, pid: child.pid ?? 0, addresses: [] };
      const ours = readlinkSync('/proc/self/ns/net');
      await vi.waitUntil(() => readlinkSync(`/proc/${own.pid}/ns/net`) !== ours);
      const slow = openVeths(late, { pid: async () => 4711 }, given);
      await slow.create('lo', own, { withoutOffload: false });
      await slow.configure('lo', own, false);
      expect(calls.at(-1)).toBe(`nsenter --net=/proc/${own.pid}/ns/net -- ip -4 -batch -`);
      calls = [];
      await slow.configure('lo', own, false);
      expect(calls.filter((call) => call.includes('netns'))).toEqual([]);
    } finally {
      child.kill();
    }
  });
});
