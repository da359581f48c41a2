// `proxmox enroll` and `proxmox unenroll`: what they set with Proxmox, keep of what was there, and say.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/core/lib/errors.ts';
import type { Exec } from '../../../src/core/lib/exec.ts';
import {
  at,
  config,
  confOf,
  exec,
  hookscript,
  MINE,
  OURS,
  record,
  recordFile,
  records,
  run,
  useProxmoxTree,
  vmlist,
} from './proxmox-tree.ts';

useProxmoxTree();

describe('proxmox enroll', () => {
  it('sets ours with Proxmox, keeps what was there, and says so', async () => {
    const { code, out, calls } = await run(['enroll', '--all']);
    expect(out).toEqual([
      'VMID  NAME  KIND  RESULT',
      '101   web   qemu  enrolled',
      '201   db    lxc   enrolled; nas:snippets/mine runs after it',
    ]);
    expect(code).toBe(0);
    expect(at.commands).toEqual([`qm set 101 --hookscript ${OURS}`, `pct set 201 --hookscript ${OURS}`]);
    expect(await record(201)).toEqual({
      state: 'enrolled',
      marks: ['mac=bc:24:11:00:02:01'],
      former: { volume: MINE, path: join(at.snippets, 'mine') },
    });
    expect(calls.map(({ member, body }) => [member, JSON.parse(String(body?.[0]))])).toEqual([
      ['NoteHookscript', { vmid: 101, kind: 'qemu', result: 'enrolled', name: 'web' }],
      ['NoteHookscript', { vmid: 201, kind: 'lxc', result: 'enrolled', name: 'db', former: MINE }],
    ]);
  });

  it('changes nothing the second time', async () => {
    await run(['enroll', '101']);
    at.commands = [];
    const { out, calls } = await run(['enroll', '101']);
    expect(out[1]).toBe('101   web   qemu  was enrolled already');
    expect([at.commands, calls]).toEqual([[], []]);
  });

  it('goes on with the others when one fails, and ends with 1', async () => {
    await config('qemu-server', 100, 'name: held\nlock: backup\n');
    const { code, out } = await run(['enroll', '100', '300', '999', '101']);
    expect(code).toBe(1);
    expect(out[1]).toMatch(/^100 {3}held +qemu {2}FAILED: Guest 100 is locked \(backup\) \[guest-locked\]/);
    expect(out[2]).toMatch(/^300 {3}- +- +FAILED: Guest 300 is on the node pve2 \[guest-elsewhere\]/);
    expect(out[3]).toMatch(/^999 .*There is no guest 999 \[guest-unknown\]/);
    expect(out[4]).toMatch(/^101 .*enrolled$/);
    expect(await records()).toEqual(['101']);
  });

  it.each([
    ["can't lock file '/var/lock/qemu-server/lock-201.conf' - got timeout", 'guest-locked'],
    ['CT is locked (snapshot)', 'guest-locked'],
    ['only at.root can set hookscript', 'exec-failed'],
  ])('leaves a guest as it was when Proxmox refuses: %s', async (said, code) => {
    at.refusal = said;
    const { code: exitCode, out } = await run(['enroll', '201', '--json']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(out.join('\n'))).toMatchObject([{ vmid: 201, result: 'failed', code }]);
    expect(await hookscript('lxc', 201)).toBe(MINE);
    expect(await records()).toEqual([]);
  });

  it('is one line about the cluster when it lets nothing be changed', async () => {
    at.refusal = 'cluster not ready - no quorum?';
    const { code, out, err } = await run(['enroll', '--all']);
    expect([code, out]).toEqual([3, []]);
    expect(err[0]).toMatch(/^cluster not ready - no quorum\? \[proxmox-read-only\]/);
  });

  it('takes a command that did its work and was ended then for what it did', async () => {
    const late: Exec = async (...args) => {
      await exec(...args);
      throw new AgentError('exec-failed', 'qm failed: timed out');
    };
    expect((await run(['enroll', '101'], { exec: late })).out[1]).toMatch(/enrolled$/);
    expect(await record(101)).toEqual({ state: 'enrolled', marks: ['mac=bc:24:11:00:01:01'] });
  });

  it('passes templates over, and refuses one that was named', async () => {
    await config('qemu-server', 101, 'name: web\ntemplate: 1\n');
    expect(await run(['enroll', '--all'])).toMatchObject({ code: 0 });
    const { code, out } = await run(['enroll', '101']);
    expect(code).toBe(1);
    expect(out[1]).toContain('[guest-template]');
    expect(await hookscript('qemu-server', 101)).toBeUndefined();
  });

  it('does not put ours before a hookscript that it could not run', async () => {
    await config('lxc', 201, 'hookscript: lost:snippets/x\n');
    const { out } = await run(['enroll', '201'], {
      exec: async (file, args) => (file === 'pvesm' ? '' : exec(file, args)),
    });
    expect(out[1]).toContain('[hookscript-unusable]');
    expect(await hookscript('lxc', 201)).toBe('lost:snippets/x');
  });

  it('asks Proxmox for the file where storage.cfg does not tell', async () => {
    await config('lxc', 201, 'hookscript: lost:snippets/x\n');
    await run(['enroll', '201'], {
      exec: async (file, args) => (file === 'pvesm' ? '/srv/x\n' : exec(file, args)),
    });
    expect(await record(201)).toMatchObject({ former: { volume: 'lost:snippets/x', path: '/srv/x' } });
  });

  it('forgets what was known of guests that the cluster has no more', async () => {
    await run(['enroll', '201']);
    await rm(confOf('lxc', 201));
    await run(['enroll', '101']);
    expect(await records()).toEqual(['101', '201']);
    await vmlist({ 101: 'pve1', 300: 'pve2' });
    await run(['enroll', '101']);
    expect(await records()).toEqual(['101']);
    await writeFile(join(at.root, '.vmlist'), '{"ver');
    await run(['unenroll', '101']);
    expect(await records()).toEqual(['101']);
  });

  it('enrols also when the agent is not there, and says that the ledger does not know', async () => {
    const NoteHookscript = new AgentError('agent-unreachable', 'The agent does not answer');
    const { code, err } = await run(['enroll', '--all'], { agent: { NoteHookscript } });
    expect([code, err.length]).toEqual([0, 1]);
    expect(err[0]).toContain('The ledger has no block of this');
  });

  it.each([
    [['enroll'], {}],
    [['enroll', '101', '--all'], {}],
    [['enroll', '--all', '--new'], {}],
    [['unenroll'], {}],
    [['enroll', '10'], {}],
    [['enroll', '--all'], { proxmox: 'enabled = false' }],
  ])('refuses %j with exit code 2 and one line', async (argv, setting) => {
    const { code, out, err } = await run(argv, setting);
    expect([code, out, err.length, at.commands]).toEqual([2, [], 1, []]);
  });

  it('is for at.root, on a Proxmox host', async () => {
    for (const argv of [['enroll', '--all'], ['unenroll', '--all'], ['status']]) {
      const user = await run(argv, { isRoot: false });
      expect([user.code, user.err[0]]).toEqual([3, expect.stringContaining('Run this as root')]);
      const elsewhere = await run(argv, { proxmox: 'root = "/nowhere"' });
      expect([elsewhere.code, elsewhere.err[0]]).toEqual([1, expect.stringContaining('[not-proxmox]')]);
      await mkdir(join(at.base, 'empty'), { recursive: true });
      const unmounted = await run(argv, { proxmox: `root = ${JSON.stringify(join(at.base, 'empty'))}` });
      expect([unmounted.code, unmounted.err[0]]).toEqual([
        3,
        expect.stringContaining('[proxmox-unavailable]'),
      ]);
    }
  });
});

describe('proxmox unenroll', () => {
  it('puts back what was there, and notes that it was on purpose', async () => {
    await run(['enroll', '--all']);
    const { code, out } = await run(['unenroll', '--all']);
    expect([code, ...out.slice(1)]).toEqual([
      0,
      '101   web   qemu  unenrolled',
      '201   db    lxc   unenrolled; nas:snippets/mine is back',
    ]);
    expect([await hookscript('qemu-server', 101), await hookscript('lxc', 201)]).toEqual([undefined, MINE]);
    expect(await record(101)).toEqual({ state: 'unenrolled', marks: ['mac=bc:24:11:00:01:01'] });
  });

  it('leaves a guest alone that is not enrolled', async () => {
    const { code, out } = await run(['unenroll', '201']);
    expect([code, out[1]]).toEqual([0, '201   db    lxc   was not enrolled']);
    expect([at.commands, await records()]).toEqual([[], []]);
  });

  it('keeps ours when Proxmox refuses to put the former one back', async () => {
    await run(['enroll', '201']);
    at.refusal = `script '${join(at.snippets, 'mine')}' does not exist`;
    const { code, out } = await run(['unenroll', '201']);
    expect(code).toBe(1);
    expect(out[1]).toContain('does not exist');
    expect(await hookscript('lxc', 201)).toBe(OURS);
    expect(await record(201)).toMatchObject({ state: 'enrolled', former: { volume: MINE } });
  });

  it('does not guess what a damaged record said', async () => {
    await run(['enroll', '201']);
    await writeFile(recordFile(201), 'x');
    for (const verb of ['enroll', 'unenroll']) {
      const { code, out } = await run([verb, '201']);
      expect([code, out[1]]).toEqual([1, expect.stringContaining(recordFile(201))]);
      expect(out[1]).toContain('[record-damaged]');
    }
  });
});

describe('proxmox enroll --new', () => {
  const known = (...vmids: number[]) =>
    writeFile(join(at.base, 'known-guests.json'), JSON.stringify({ version: 1, vmids }));

  it('enrols the guests that are not known, and those alone', async () => {
    await known(101, 300);
    expect((await run(['enroll', '--new'])).out).toHaveLength(2);
    expect([await hookscript('qemu-server', 101), await hookscript('lxc', 201)]).toEqual([undefined, OURS]);
    expect(await run(['enroll', '--new'])).toMatchObject({ code: 0, out: ['No guest is new.'] });
  });

  it('never enrols a guest again that somebody unenrolled', async () => {
    await known(101);
    await run(['enroll', '201']);
    await run(['unenroll', '201']);
    expect((await run(['enroll', '--new'])).out).toEqual(['No guest is new.']);
  });

  it('does not enrol one that was unenrolled before its turn came', async () => {
    await known(101);
    await run(['unenroll', '201'], { proxmox: `root = ${JSON.stringify(at.root)}\nauto_enroll = true` });
    expect((await run(['enroll', '--new'])).out).toEqual(['No guest is new.']);
  });

  it('enrols nobody as long as it is not known who was there before', async () => {
    expect((await run(['enroll', '--new'])).out).toEqual(['No guest is new.']);
    await writeFile(join(at.base, 'known-guests.json'), '{');
    expect((await run(['enroll', '--new'])).out).toEqual(['No guest is new.']);
  });
});
