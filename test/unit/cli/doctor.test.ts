import { describe, expect, it } from 'vitest';
import { healthy, looks, no, port, switchFacts, yes } from '../diagnose/doctor/healthy.ts';
import { cli } from './fake.ts';

describe('doctor', () => {
  it('ends with 0 on a host on which all is well, and sums up', async () => {
    const { code, out } = await cli(['doctor'], { facts: healthy() });
    expect(code).toBe(0);
    expect(out[0]).toBe('Host');
    expect(out[1]).toBe('  ✓ running as root');
    expect(out.at(-1)).toMatch(/^All right: \d+ checks passed\.$/);
  });

  it('has each heading once, from the host to the ledger', async () => {
    const { out } = await cli(['doctor'], { facts: healthy({ hasNetmakerLease: true }) });
    expect(out.slice(0, -1).filter((line) => !line.startsWith(' '))).toEqual([
      'Host',
      'Open vSwitch',
      'NetworkManager',
      'Proxmox',
      'LXC',
      'Docker',
      'Netmaker',
      'Agent',
      'Ledger',
    ]);
  });

  it('ends with 0 when there are only warnings', async () => {
    const { code, out } = await cli(['doctor'], { facts: healthy({ isEnabled: false }) });
    expect(code).toBe(0);
    expect(out).toContain('  ! the agent does not start at boot');
    expect(out.at(-1)).toMatch(/^1 warning, \d+ passed\.$/);
  });

  it('ends with 1 when a check failed, with the remedy below it', async () => {
    const { code, out } = await cli(['doctor'], { facts: healthy({ vswitchd: no('ovs-vswitchd is away') }) });
    expect(code).toBe(1);
    const at = out.indexOf('  ✗ ovs-vswitchd is away');
    expect(out[at + 1]).toMatch(/^ {6}systemctl restart openvswitch-switch/);
    expect(out.at(-1)).toMatch(/^1 check failed, \d+ passed\.$/);
  });

  it('works when nothing answers', async () => {
    const facts = healthy({
      bus: no('gone'),
      agent: no('gone'),
      ovsdb: no('gone'),
      vswitchd: no('gone'),
      networkManager: no('gone'),
      ...looks({ docker: { installed: true, engine: no('gone') } }),
      declared: no('gone'),
      spool: no('gone'),
      state: no('gone'),
      ledger: undefined,
      config: no('gone'),
    });
    expect((await cli(['doctor'], { facts })).code).toBe(1);
  });

  it('lets no name of a guest write to the terminal', async () => {
    const row = port({ port: 'vi101\u001b[2J', error: 'bad\u202ename' });
    const facts = healthy({ ovsdb: yes(switchFacts({ ports: [row] })) });
    const text = (await cli(['doctor'], { facts })).out.join('\n');
    expect(text).toContain('vi101\\x1b[2J');
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    const json = (await cli(['doctor', '--json'], { facts })).out.join('\n');
    expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('prints one JSON document with --json, with the same exit code', async () => {
    const { code, out } = await cli(['doctor', '--json'], { facts: healthy({ isRoot: false }) });
    const findings = JSON.parse(out.join('\n')) as { check: string; state: string }[];
    expect(code).toBe(1);
    expect(findings.find(({ check }) => check === 'root')).toMatchObject({ group: 'Host', state: 'fail' });
  });
});
