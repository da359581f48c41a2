import { describe, expect, it } from 'vitest';
import { AgentError } from '../../../../src/core/lib/errors.ts';
import type { Exec } from '../../../../src/core/lib/exec.ts';
import { attest } from '../../../../src/netmaker/stun/attest.ts';
import type { Witness } from '../../../../src/netmaker/stun/witness.ts';

const servers = [
  { host: '198.51.100.1', port: 3478 },
  { host: '2001:db8:ffff::1', port: 3479 },
];
const witness: Witness = {
  watch: async (questions, probing) => ({
    result: await probing(),
    seen: questions.map(() => ({ asked: true, told: true })),
  }),
};
const request = { pid: 4711, servers, deadlineMs: 2000, witness };
const both = ['203.0.113.7', '2001:db8::7'];
const saying =
  (answer: unknown, ran: string[][] = []): Exec =>
  async (file, args) => {
    ran.push([file, ...args]);
    return typeof answer === 'string' ? answer : JSON.stringify(answer);
  };

describe('an attestation', () => {
  it('asks the first server of each family from inside of the namespace', async () => {
    const ran: string[][] = [];
    const answers = [
      { local: '203.0.113.7', mapped: '203.0.113.7', rtt_ms: 1.5 },
      { local: '2001:db8:0::7', mapped: '2001:db8::8', rtt_ms: 2 },
    ];
    const result = await attest({ ...request, exec: saying(answers, ran), addresses: both });
    expect(ran).toEqual([
      [
        'nsenter',
        '--net=/proc/4711/ns/net',
        '--',
        process.execPath,
        '/usr/lib/ovs-port-agent/stun-probe.cjs',
        ...['2000', '198.51.100.1', '3478', expect.stringMatching(/^[0-9a-f]{24}$/)],
        ...['2001:db8:ffff::1', '3479', expect.stringMatching(/^[0-9a-f]{24}$/)],
      ],
    ]);
    expect(result).toMatchObject([
      { addresses: ['203.0.113.7'], verdict: 'public', server: '198.51.100.1:3478', rtt_ms: 1.5 },
      { addresses: ['2001:db8::7'], verdict: 'behind_nat', local: '2001:db8::7', mapped: '2001:db8::8' },
    ]);
  });

  it('asks nothing for a container without an address', async () => {
    const ran: string[][] = [];
    const result = await attest({ ...request, exec: saying([], ran), addresses: [] });
    expect(ran).toEqual([]);
    expect(result).toMatchObject([{ addresses: [], verdict: 'no-address', server: null }]);
  });

  it('says so when there is no server of a family', async () => {
    const exec = saying([{ failure: 'nobody listens there', why: 'refused', local: '203.0.113.7' }]);
    const result = await attest({ ...request, exec, addresses: both, servers: servers.slice(0, 1) });
    expect(result).toMatchObject([
      { verdict: 'unreachable', server: '198.51.100.1:3478' },
      {
        verdict: 'unreachable',
        server: null,
        reason: 'There is no STUN server to ask over IPv6: set stun_server or responder in [netmaker]',
      },
    ]);
  });

  it.each([
    ['no JSON', 'Segmentation fault'],
    ['other JSON', { local: 1 }],
    ['an address that is none', [{ local: '$(reboot)', mapped: 'x' }]],
    ['too few answers', []],
  ])('takes %s of a probe for no proof', async (_what, answer) => {
    const result = await attest({ ...request, exec: saying(answer), addresses: ['203.0.113.7'] });
    expect(result).toMatchObject([{ verdict: 'unreachable', mapped: null }]);
    expect(result[0]?.reason).not.toContain('\n');
  });

  it('outlives a container that ended meanwhile', async () => {
    const exec: Exec = () =>
      Promise.reject(new AgentError('exec-failed', 'nsenter failed: cannot open /proc/4711/ns/net'));
    const [result] = await attest({ ...request, exec, addresses: ['203.0.113.7'] });
    expect(result).toMatchObject({ verdict: 'unreachable' });
    expect(result?.reason).toContain('cannot open /proc/4711/ns/net');
  });
});
