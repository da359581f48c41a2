import { describe, expect, it } from 'vitest';
import { BusError } from '../../../src/core/bus/bus.ts';
import { cli } from './fake.ts';

const PUBLIC = {
  container: 'netclient',
  addresses: ['203.0.113.7'],
  verdict: 'public',
  mapped: '203.0.113.7',
  local: '203.0.113.7',
  server: '198.51.100.1:3478',
  reason: 'Seen as 203.0.113.7, its own address',
  rtt_ms: 1.53,
};
const HIDDEN = {
  ...PUBLIC,
  container: 'a-client',
  addresses: ['203.0.113.8'],
  verdict: 'behind_nat',
  mapped: '192.0.2.1',
  reason: 'Sent from 203.0.113.8, seen as 192.0.2.1: \u001b[31mNAT',
};
const NONE = {
  ...PUBLIC,
  container: 'new',
  addresses: [],
  verdict: 'no-address',
  mapped: null,
  local: null,
  server: null,
  rtt_ms: null,
  reason: 'It has no address from a pool',
};

const attest = (answer: unknown, ...argv: string[]) =>
  cli(['netmaker', 'attest', ...argv], {
    agent: { AttestNetmaker: answer instanceof Error ? answer : JSON.stringify(answer) },
  });

describe('netmaker attest', () => {
  it('shows every container with its verdict and the reason, and fails when one is not public', async () => {
    const { code, out, calls } = await attest([PUBLIC, HIDDEN, NONE]);
    expect(code).toBe(1);
    expect(calls).toMatchObject([{ member: 'AttestNetmaker', signature: 's', body: [''] }]);
    expect(out).toEqual([
      'CONTAINER  ADDRESS      VERDICT     SEEN AS      BY SERVER          WITHIN  REASON',
      'a-client   203.0.113.8  BEHIND NAT  192.0.2.1    198.51.100.1:3478  1.5 ms  Sent from 203.0.113.8, seen as 192.0.2.1: \\x1b[31mNAT',
      'netclient  203.0.113.7  public      203.0.113.7  198.51.100.1:3478  1.5 ms  Seen as 203.0.113.7, its own address',
      'new        -            NO ADDRESS  -            -                  -       It has no address from a pool',
    ]);
  });

  it('asks about one, and is content when that one is public', async () => {
    const { code, calls } = await attest([PUBLIC], 'netclient');
    expect(code).toBe(0);
    expect(calls[0]?.body).toEqual(['netclient']);
  });

  it('is content when there is no container', async () => {
    expect(await attest([])).toMatchObject({ code: 0, out: ['No Netmaker container runs here.'] });
  });

  it('prints for programs what the agent said, with the same exit code', async () => {
    const { code, out } = await attest([HIDDEN], '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out.join('\n'))).toEqual([HIDDEN]);
    expect(out.join('')).not.toContain('\u001b');
  });

  it('says that the agent cannot be reached, with 3', async () => {
    const gone = new BusError('org.freedesktop.DBus.Error.ServiceUnknown', 'not there');
    const { code, err } = await attest(gone);
    expect(code).toBe(3);
    expect(err[0]).toContain('agent-unreachable');
  });

  it('says that an answer was not understood', async () => {
    expect((await attest([{ container: 'x', verdict: 'maybe' }])).code).toBe(1);
  });
});
