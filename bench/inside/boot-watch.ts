// The referee of a boot, run by systemd: writes down when each guest's card was plugged and when its port was usable.

import { appendFileSync, rmSync } from 'node:fs';
import { observePorts } from '../../src/core/drivers/ovsdb/observe.ts';
import { openOvsdb } from '../../src/core/ovsdb/client.ts';

const SOCKET = '/run/openvswitch/db.sock';

/** One line a sighting: `plugged` or `usable`, the VMID, milliseconds of the epoch. Runs until it is ended. */
export async function watchBoot(path: string): Promise<never> {
  rmSync(path, { force: true });
  const seen = new Set<string>();
  const note = (what: 'plugged' | 'usable', vmid: string) => {
    const key = `${what} ${vmid}`;
    if (!seen.has(key)) appendFileSync(path, `${key} ${Date.now()}\n`);
    seen.add(key);
  };
  const ovsdb = openOvsdb(SOCKET);
  ovsdb.onChange(() => {
    for (const { row, interface: link, ofport = 0, error } of observePorts(ovsdb.replica)) {
      const vmid = /^(?:veth|tap)([0-9]+)i0$/.exec(link)?.[1];
      if (vmid === undefined) continue;
      note('plugged', vmid);
      if (row === `vi${vmid}` && ofport > 0 && error === undefined) note('usable', vmid);
    }
  });
  return new Promise(() => {});
}
