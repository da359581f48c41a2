// The list of leased addresses, as people and programs see it.
import { describe, expect, it } from 'vitest';
import { cli, NOW, today } from './fake.ts';

const container = '4c01db0b339c'.padEnd(64, '0');
const held = {
  address: '203.0.113.2',
  family: 4,
  name: 'netmaker-server',
  key: container,
  state: 'held',
  since: today(9, 30, 5),
  until: null,
  static: false,
};
const cooling = {
  ...held,
  address: '2001:db8::3',
  family: 6,
  name: 'a\u001b[2J',
  key: 'group:edge',
  state: 'cooling',
  until: new Date(NOW.getTime() + 90_000).toISOString(),
  static: true,
};

const run = (answer: unknown, ...argv: string[]) =>
  cli(['netmaker', 'leases', ...argv], { agent: { ListNetmakerLeases: answer } });

describe('netmaker leases', () => {
  it('is a table, safe for a terminal', async () => {
    const { code, out } = await run(JSON.stringify([held, cooling]));
    expect(code).toBe(0);
    expect(out).toEqual([
      'ADDRESS      NAME             CONTAINER     BY     STATE                  SINCE',
      '203.0.113.2  netmaker-server  4c01db0b339c  pool   held                   09:30:05',
      '2001:db8::3  a\\x1b[2J         group:edge    label  cooling, free in 90 s  09:30:05',
    ]);
  });

  it('says so when there are none', async () => {
    expect((await run('[]')).out).toEqual(['No leases. A container gets an address when it starts.']);
  });

  it('is for programs what the agent said', async () => {
    const { out } = await run(JSON.stringify([held, cooling]), '--json');
    expect(JSON.parse(out.join('\n'))).toEqual([held, cooling]);
    expect(out.join('\n')).not.toContain('\u001b');
  });

  it('does not take another answer for an empty list', async () => {
    for (const answer of ['{}', '[{}]', 'none']) {
      const { code, out, err } = await run(answer);
      expect([code, out]).toEqual([1, []]);
      expect(err[0]).toContain('another version');
    }
  });

  it('alone, the group prints its help', async () => {
    const { code, out } = await cli(['netmaker']);
    expect(code).toBe(0);
    expect(out.join('\n')).toContain('leases');
  });
});
