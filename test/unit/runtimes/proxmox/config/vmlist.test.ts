// Promises about /etc/pve/.vmlist.
import { describe, expect, it } from 'vitest';
import { parseVmlist } from '../../../../../src/runtimes/proxmox/config/vmlist.ts';

const FULL = `{
"version": 12,
"ids": {
"100": { "node": "pve1", "type": "qemu", "version": 7 },
"200": { "node": "pve2", "type": "lxc", "version": 3 },
"300": { "node": "pve2", "type": "openvz", "version": 3 }}

}`;

describe('.vmlist', () => {
  it('says every VMID of the cluster, also of a kind we do not know', () => {
    const list = parseVmlist(FULL);
    expect(list).toMatchObject({ ok: true, version: 12 });
    expect(list.ok && [...list.guests]).toEqual([
      [100, { node: 'pve1', type: 'qemu' }],
      [200, { node: 'pve2', type: 'lxc' }],
      [300, { node: 'pve2', type: 'other' }],
    ]);
  });

  it('has no "ids" while there is no guest', () => {
    expect(parseVmlist('{ "version": 1 }')).toEqual({ ok: true, version: 1, guests: new Map() });
  });

  it('is a problem, never an exception, at every length it may be cut to', () => {
    for (let length = 0; length < FULL.length; length++) {
      expect(parseVmlist(FULL.slice(0, length))).toHaveProperty('ok', false);
    }
  });

  it.each([
    'null',
    '[]',
    '"x"',
    '{}',
    '{"version":1,"ids":3}',
    '{"version":1,"ids":{"99":{"node":"a","type":"lxc"}}}',
  ])('is a problem when it is %s', (text) => {
    expect(parseVmlist(text)).toMatchObject({ ok: false, problem: expect.stringContaining('.vmlist') });
  });
});
