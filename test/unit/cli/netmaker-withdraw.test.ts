// `netmaker withdraw`: asks the agent, and undoes the host's part itself when there is none to ask.

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BusError } from '../../../src/core/bus/bus.ts';
import { AgentError } from '../../../src/core/lib/errors.ts';
import { cli } from './fake.ts';

const failed = (type: string) =>
  new AgentError('bus-call-failed', 'WithdrawNetmaker failed', { cause: new BusError(type, 'said so') });
const ABSENT = failed('org.freedesktop.DBus.Error.NameHasNoOwner');

/** A host that was made a gateway by one rule, which is what can be undone without touching this machine. */
async function gatewayOf(entries: object[]) {
  const runtimeDir = await mkdtemp(join(tmpdir(), 'withdraw-'));
  const record = join(runtimeDir, 'gateway.json');
  await writeFile(record, JSON.stringify({ version: 1, bootId: 'this boot', entries }));
  return { runtimeDir, record };
}
const EXCEPTION = {
  kind: 'exception',
  family: 4,
  direction: 'from',
  device: 'ovsbr1',
  other: 'eno1',
  subnet: '203.0.113.0/24',
};

describe('netmaker withdraw', () => {
  it('asks the agent', async () => {
    const { code, out, calls } = await cli(['netmaker', 'withdraw'], {
      agent: { WithdrawNetmaker: 'withdrawn' },
    });
    expect({ code, out }).toEqual({ code: 0, out: ['All public addresses are taken back'] });
    expect(calls).toMatchObject([{ member: 'WithdrawNetmaker' }]);
  });

  it('undoes what the record names when there is no agent, and forgets it', async () => {
    const { runtimeDir, record } = await gatewayOf([EXCEPTION]);
    const ran: string[] = [];
    const exec = async (file: string, args: readonly string[] = []) => {
      ran.push([file, ...args].join(' '));
      return args.includes('-j') || args.includes('-json') ? '{"nftables":[]}' : '';
    };
    const { code, out } = await cli(['netmaker', 'withdraw'], {
      agent: { WithdrawNetmaker: ABSENT },
      runtimeDir,
      exec: (file, args) => (file === 'ip' ? exec(file, args).then(() => '[]') : exec(file, args)),
    });
    expect({ code, out }).toEqual({
      code: 0,
      out: ['undone: firewall rule in DOCKER-USER from 203.0.113.0/24 on ovsbr1 (eno1)'],
    });
    expect(ran).toContainEqual(expect.stringMatching(/^iptables .*-D DOCKER-USER -i ovsbr1 -o eno1/));
    expect(JSON.parse(await readFile(record, 'utf8'))).toMatchObject({ entries: [] });
  });

  it('has nothing to undo on a host that was no gateway', async () => {
    const { code, out } = await cli(['netmaker', 'withdraw'], { agent: { WithdrawNetmaker: ABSENT } });
    expect({ code, out }).toEqual({
      code: 0,
      out: ['The host is no gateway, and the agent does not answer'],
    });
  });

  it('wants root where there is no agent to ask', async () => {
    const setting = { agent: { WithdrawNetmaker: ABSENT }, isRoot: false };
    expect(await cli(['netmaker', 'withdraw'], setting)).toMatchObject({ code: 3, out: [] });
  });

  it.each(['dev.ovs.PortAgent1.Error.GatewayFailed', 'org.freedesktop.DBus.Error.AccessDenied'])(
    'touches nothing behind the back of an agent that answers %s',
    async (type) => {
      const { runtimeDir, record } = await gatewayOf([EXCEPTION]);
      const before = await readFile(record, 'utf8');
      const { code, out } = await cli(['netmaker', 'withdraw'], {
        agent: { WithdrawNetmaker: failed(type) },
        runtimeDir,
      });
      expect(code).not.toBe(0);
      expect(out).toEqual([]);
      expect(await readFile(record, 'utf8')).toBe(before);
    },
  );
});
