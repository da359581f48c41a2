// By which packets a host sees that a STUN exchange took place, and that it cleans up after it.

import { describe, expect, it } from 'vitest';
import { AgentError } from '../../../../src/core/lib/errors.ts';
import type { Exec } from '../../../../src/core/lib/exec.ts';
import { openWitness, type Question, ruleset } from '../../../../src/netmaker/stun/witness.ts';

const transaction = Uint8Array.from({ length: 12 }, (_, at) => at);
const far: Question = {
  family: 4,
  leased: ['203.0.113.7'],
  server: { host: '192.0.2.10', port: 3478, onHost: false },
  transaction,
};
const id = '@th,128,32 66051 @th,160,32 67438087 @th,192,32 134810123';

describe('the rules', () => {
  it('know the question as it leaves, and the answer as it comes from there with that address in it', () => {
    const rules = ruleset([far], ['uplink0']).split('\n');
    expect(rules).toContain(
      `add rule inet ovs_port_agent_attest leaves oifname "uplink0" ip saddr 203.0.113.7 ip daddr 192.0.2.10 udp dport 3478 ${id} counter name "asked0"`,
    );
    const told = rules.filter((rule) => rule.includes('"told0"'));
    // XOR-MAPPED-ADDRESS, 8 bytes, IPv4, 203.0.113.7 ^ 0x2112a442.
    const xored = 0xcb007107 ^ 0x2112a442;
    expect(told[0]).toBe(
      `add rule inet ovs_port_agent_attest comes iifname "uplink0" ip saddr 192.0.2.10 ip daddr 203.0.113.7 udp sport 3478 ${id} @th,224,16 32 @th,240,16 8 @th,264,8 1 @th,288,32 ${xored >>> 0} counter name "told0"`,
    );
    expect(told.map((rule) => /@th,\d+,16 \d+ @th,\d+,16/.exec(rule)?.[0])).toEqual([
      '@th,224,16 32 @th,240,16',
      '@th,224,16 1 @th,240,16',
      '@th,320,16 32 @th,336,16',
    ]);
  });

  it("take the answer of the host's own server only where the host itself sends it", () => {
    const near = { ...far, server: { host: 'fe80::1%ovsbr1', port: 3478, onHost: true } };
    const rules = ruleset([{ ...near, family: 6, leased: ['2001:db8::7'] }], ['']).split('\n');
    expect(rules.filter((rule) => / (comes|leaves) .*"told0"/.test(rule))).toEqual([]);
    expect(rules.filter((rule) => / answers ip6 saddr fe80::1 .*"told0"/.test(rule))).toHaveLength(3);
  });
});

describe('a watch', () => {
  const listed = (counters: Record<string, number>) =>
    JSON.stringify({
      nftables: [
        { metainfo: {} },
        ...Object.entries(counters).map(([name, packets]) => ({ counter: { name, packets } })),
      ],
    });
  const execWith =
    (answers: { nft?: Error; counters?: string }, ran: string[] = []): Exec =>
    async (file, args) => {
      ran.push([file, ...args].join(' '));
      if (file === 'ip') return '[{"dst":"192.0.2.10","dev":"uplink0"}]';
      if (args[0] === '-j') return answers.counters ?? listed({});
      if (answers.nft && args[0]?.includes('add chain')) throw answers.nft;
      return '';
    };

  it('tells what has passed, and leaves nothing behind', async () => {
    const ran: string[] = [];
    const counters = listed({ asked0: 2, told0: 1, asked1: 1, told1: 0 });
    const { result, seen } = await openWitness(execWith({ counters }, ran)).watch(
      [far, far],
      async () => 'x',
    );
    expect([result, seen]).toEqual([
      'x',
      [
        { asked: true, told: true },
        { asked: true, told: false },
      ],
    ]);
    expect(ran.at(-1)).toBe(
      'nft add table inet ovs_port_agent_attest; delete table inet ovs_port_agent_attest',
    );
  });

  it('lets the probe run where it cannot watch, and says that it could not', async () => {
    const nft = new AgentError('exec-failed', 'nft failed');
    expect(await openWitness(execWith({ nft })).watch([far], async () => 'x')).toEqual({ result: 'x' });
    const broken = execWith({ counters: 'no JSON' });
    expect(await openWitness(broken).watch([far], async () => 'x')).toEqual({ result: 'x' });
  });

  it('ends with the probe that fails, and goes on to the next', async () => {
    const ran: string[] = [];
    const { watch } = openWitness(execWith({}, ran));
    const failing = watch([far], () => Promise.reject(new Error('gone')));
    const next = watch([far], async () => 'y');
    await expect(failing).rejects.toThrow('gone');
    expect((await next).result).toBe('y');
    expect(ran.filter((line) => line.includes('delete table') && !line.includes('add chain'))).toHaveLength(
      2,
    );
  });
});
