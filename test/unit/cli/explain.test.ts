import { describe, expect, it } from 'vitest';
import { guest, healthy, no, port, tree, WEB1 } from '../diagnose/doctor/healthy.ts';
import { ports, proxmox } from '../diagnose/doctor/variants.ts';
import { cli } from './fake.ts';

/** The guest's process cannot run here: no host of a test has guests. */
const stopped = healthy({ ...ports(), bindings: [] });

describe('explain', () => {
  it('tells each source on a line of its own, then the fault and the remedy', async () => {
    const { code, out } = await cli(['explain', '101'], { facts: stopped });
    expect(code).toBe(1);
    expect(out[0]).toBe('vi101: card 0 of web1 (proxmox-qemu, VMID 101), not running');
    expect(out.join('\n')).toContain('  wish      tap101i0 on ovsbr0 (guest configuration)');
    expect(out.at(-2)).toBe('Fault: web1 does not run, so it has no port');
    expect(out.at(-1)).toBe('  Start it: qm start 101');
  });

  it('shows every card of a guest', async () => {
    const two = `${WEB1}net1: virtio,bridge=ovsbr1,tag=7\n`;
    const facts = { ...stopped, ...proxmox({ tree: tree(guest(101, two)) }) };
    const { out } = await cli(['explain', '101'], { facts });
    expect(out.filter((line) => line.startsWith('vi101'))).toHaveLength(2);
    expect(out.join('\n')).toContain('tap101i1 on ovsbr1, VLAN 7');
  });

  it('ends with 1 and says so when there is no such port', async () => {
    const { code, err } = await cli(['explain', '999'], { facts: stopped });
    expect(code).toBe(1);
    expect(err).toEqual([expect.stringContaining('There is no port or guest 999')]);
  });

  it('says what it cannot see while Open vSwitch is away', async () => {
    const { code, out } = await cli(['explain', 'vi101'], { facts: healthy({ ovsdb: no('OVSDB: gone') }) });
    expect(code).toBe(1);
    expect(out).toContain('Fault: nothing can be told: OVSDB: gone');
  });

  it('lets no name write to the terminal, and prints JSON that says the same', async () => {
    const row = port({ error: 'bad\u001b[2Jname' });
    const facts = healthy(ports(row));
    const text = (await cli(['explain', 'vi101'], { facts })).out.join('');
    expect(text).toContain('bad\\x1b[2Jname');
    expect(text).not.toMatch(/\p{Cc}/u);
    const { code, out } = await cli(['explain', 'vi101', '--json'], { facts });
    expect(code).toBe(1);
    expect(JSON.parse(out.join('\n'))).toMatchObject([
      { port: 'vi101', vmid: 101, faults: expect.any(Array) },
    ]);
  });
});
