// What rows that change mean for guests.

import { describe, expect, it } from 'vitest';
import type { RowChange } from '../../../src/core/ovsdb/replica.ts';
import { ovsdbEventsOf } from '../../../src/reconcile/ovsdb-events.ts';

const marks = { 'ovs-port-agent.vmid': '101', 'ovs-port-agent.nic': '1' };

function link(name: string, external_ids: Record<string, string> = {}, error?: string): RowChange['after'] {
  const rest = { type: '', ofport: 3, mac_in_use: undefined, mtu_request: undefined };
  return { uuid: 'i', name, external_ids, error, ...rest };
}
const change = (before: RowChange['before'], after: RowChange['after']): RowChange[] => [
  { table: 'Interface', uuid: 'i', before, after },
];

describe('a card that Proxmox plugs', () => {
  it.each(['tap101i1', 'veth101i0', 'fwln101o0'])('is news as soon as %s is in the switch', (name) => {
    expect(ovsdbEventsOf(change(undefined, link(name)))).toMatchObject([{ kind: 'plugged', vmid: 101 }]);
  });

  it('is no news once it is ours, nor is a device of somebody else', () => {
    expect(ovsdbEventsOf(change(undefined, link('tap101i1', marks)))).toEqual([]);
    expect(ovsdbEventsOf(change(link('tap101i1'), link('tap101i1')))).toEqual([]);
    expect(ovsdbEventsOf(change(undefined, link('eno1')))).toEqual([]);
  });
});

describe('a port of ours', () => {
  const gone = { kind: 'lost', port: 'vi101i1', vmid: 101 };

  it('is lost when its row goes, its device fails, or somebody clears its marks', () => {
    expect(ovsdbEventsOf(change(link('tap101i1', marks), undefined))).toMatchObject([gone]);
    expect(
      ovsdbEventsOf(change(link('tap101i1', marks), link('tap101i1', marks, 'No such device'))),
    ).toMatchObject([gone]);
    expect(ovsdbEventsOf(change(link('tap101i1', marks), link('tap101i1')))).toMatchObject([gone]);
  });

  it('is lost when its device vanishes, though the switch calls that no error', () => {
    const [there, away] = [7, 0].map(
      (ifindex) => ({ ...link('tap101i1', marks), ifindex }) as RowChange['after'],
    );
    expect(ovsdbEventsOf(change(there, away))).toMatchObject([gone]);
    expect(ovsdbEventsOf(change(away, there))).toEqual([]);
    expect(ovsdbEventsOf(change(away, away))).toEqual([]);
  });

  it('is no news again while the same error stands', () => {
    const broken = link('tap101i1', marks, 'No such device');
    expect(ovsdbEventsOf(change(broken, broken))).toEqual([]);
  });

  it('has appeared when its row is new, which is no news of any other', () => {
    const row = (external_ids: Record<string, string>) =>
      [{ table: 'Port', uuid: 'p', before: undefined, after: { name: 'vi101i1', external_ids } }] as unknown;
    expect(ovsdbEventsOf(row(marks) as RowChange[])).toMatchObject([{ ...gone, kind: 'appeared' }]);
    expect(ovsdbEventsOf(row({}) as RowChange[])).toEqual([]);
  });

  it('with marks that nobody can have meant is left to the next look at everything', () => {
    const hostile = { 'ovs-port-agent.vmid': '../../x', 'ovs-port-agent.nic': '-1' };
    expect(ovsdbEventsOf(change(link('tap101i1', hostile), undefined))).toEqual([]);
    expect(ovsdbEventsOf(change(link('a', { ...marks, 'ovs-port-agent.nic': '1e9' }), undefined))).toEqual(
      [],
    );
  });
});

it('a bridge that is there again may be waited for', () => {
  const bridge = { table: 'Bridge', uuid: 'b', after: { name: 'ovsbr9', external_ids: {} } };
  expect(ovsdbEventsOf([{ ...bridge, before: undefined }] as unknown as RowChange[])).toEqual([
    { kind: 'bridge', bridge: 'ovsbr9', text: 'the bridge ovsbr9 is there' },
  ]);
  expect(ovsdbEventsOf([{ ...bridge, before: bridge.after }] as unknown as RowChange[])).toEqual([]);
});
