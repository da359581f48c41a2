// `proxmox status`: who has which hookscript, and what is wrong with it.

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatRecord } from '../../../src/runtimes/proxmox/hookscript/record.ts';
import {
  at,
  CT_NET,
  config,
  confOf,
  hookscript,
  MINE,
  OURS,
  record,
  recordFile,
  run,
  useProxmoxTree,
  VM_NET,
} from './proxmox-tree.ts';

useProxmoxTree();

describe('proxmox status', () => {
  const status = async () => {
    const { out, code } = await run(['status', '--json']);
    return { code, ...(JSON.parse(out.join('\n')) as { guests: { vmid: number }[] }) };
  };

  it('shows who has which hookscript', async () => {
    await config('qemu-server', 102, 'name: new\n');
    await run(['enroll', '101', '201']);
    const { out } = await run(['status']);
    expect(out.slice(0, 6)).toEqual([
      'VMID  NAME  KIND  HOOKSCRIPT',
      '101   web   qemu  ours',
      '102   new   qemu  none',
      '201   db    lxc   ours, then nas:snippets/mine',
      '',
      '3 guests on this node, 2 enrolled',
    ]);
    expect(out[6]).toMatch(/^auto_enroll is off/);
  });

  it('names what would keep a guest from starting, and ends with 1', async () => {
    await run(['enroll', '201']);
    await rm(join(at.snippets, 'mine'));
    const missing = await status();
    expect(missing.code).toBe(1);
    expect(missing.guests[1]).toMatchObject({
      problems: [expect.stringContaining(`no file ${at.snippets}/mine`)],
    });
    await writeFile(recordFile(201), '');
    expect((await status()).guests[1]).toMatchObject({ problems: [expect.stringContaining('is damaged')] });
  });

  it('tells a hookscript that came with a clone or by hand from one that was enrolled', async () => {
    await config('qemu-server', 101, `hookscript: ${OURS}\n`);
    await run(['enroll', '201']);
    const [clone, enrolled] = (await status()).guests;
    expect(clone).toMatchObject({ ours: true, notes: [expect.stringContaining('a clone or a rollback')] });
    expect(enrolled).toMatchObject({ ours: true, notes: [] });
    await run(['enroll', '101']);
    expect((await status()).guests[0]).toMatchObject({ notes: [] });
  });

  it('tells a clone that got the number of an enrolled guest, whose hookscript does not run for it', async () => {
    await run(['enroll', '201']);
    await rm(confOf('lxc', 201));
    await config('qemu-server', 201, `hookscript: ${OURS}\n${VM_NET}`);
    expect((await status()).guests[1]).toMatchObject({
      ours: true,
      former: null,
      problems: [],
      notes: [
        expect.stringMatching(/of another guest.* nas:snippets\/mine does not run.*proxmox enroll 201/),
      ],
    });
    await run(['enroll', '201']);
    expect(await record(201)).toEqual({ state: 'enrolled', marks: ['mac=bc:24:11:00:01:01'] });
    expect((await status()).guests[1]).toMatchObject({ former: null, notes: [] });
  });

  it('does not put back the hookscript of a guest that is gone', async () => {
    await run(['enroll', '201']);
    await rm(confOf('lxc', 201));
    await config('qemu-server', 201, `hookscript: ${OURS}\n${VM_NET}`);
    const { out } = await run(['unenroll', '201']);
    expect(out[1]).toMatch(/unenrolled$/);
    expect(await hookscript('qemu-server', 201)).toBeUndefined();
    expect(await record(201)).not.toHaveProperty('former');
  });

  it('reads records of the first kind, and writes down the guest at the next enrolment', async () => {
    await run(['enroll', '201']);
    const former = { volume: MINE, path: join(at.snippets, 'mine') };
    await writeFile(recordFile(201), formatRecord({ state: 'enrolled', former }));
    expect((await status()).guests[1]).toMatchObject({ former: MINE, notes: [] });
    await run(['enroll', '201']);
    expect(await record(201)).toEqual({ state: 'enrolled', former, marks: ['mac=bc:24:11:00:02:01'] });
  });

  it('tells an enrolment that a rollback undid', async () => {
    await run(['enroll', '201']);
    await config('lxc', 201, `hookscript: ${MINE}\n${CT_NET}`);
    expect((await status()).guests[1]).toMatchObject({ notes: [expect.stringContaining('is not now')] });
  });

  it('brings the former hookscript back with a rollback to a time of ours', async () => {
    await run(['enroll', '201']);
    await run(['unenroll', '201']);
    await config('lxc', 201, `hookscript: ${OURS}\n${CT_NET}`);
    expect((await status()).guests[1]).toMatchObject({ former: MINE });
  });

  it('keeps a terminal safe from what a configuration holds', async () => {
    await writeFile(recordFile(101), formatRecord({ state: 'enrolled' })).catch(() => undefined);
    await config('qemu-server', 101, 'name: \u202eevil\nhookscript: nas:snippets/\u202ex\n');
    expect((await run(['status'])).out[1]).toBe('101   \\u{202e}evil  qemu  nas:snippets/\\u{202e}x');
  });
});
