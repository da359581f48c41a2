// The interfaces files of a directory are changed whole, under Proxmox's lock, or not at all.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exec } from '../../../src/core/lib/exec.ts';
import { applyInterfaces, previewInterfaces } from '../../../src/ifupdown/apply.ts';
import { type Edited, edit, withoutOurs } from '../../../src/ifupdown/edit.ts';
import { frozenBy, sourcedNames } from '../../../src/ifupdown/interfaces-spec.ts';

const BEFORE =
  'auto lo\niface lo inet loopback\n# M\xfcller \xc3\xbc\nauto vmbr0\niface vmbr0 inet manual\n\tovs_type OVSBridge\n';
const show = (text: string) =>
  edit(text, {
    bridges: [{ name: 'ovsbr0', addresses: [], present: true }],
    networkManager: new Set(),
    sourced: new Set(),
  });
const AFTER = show(BEFORE).text;

let directory: string;
const children: ChildProcess[] = [];
const path = (name: string) => join(directory, name);
const read = (name = 'interfaces') => readFile(path(name), 'latin1');
const write = (text: string, name = 'interfaces') => writeFile(path(name), text, 'latin1');
const apply = (
  more: { change?: (text: string) => Edited; waitS?: number; move?: () => Promise<void> } = {},
) => applyInterfaces({ directory, exec, change: show, ...more });

/** Another process that holds the lock, as Proxmox's API daemon does while it saves. */
async function holdLock(): Promise<ChildProcess> {
  const child = spawn('flock', [path('.pve-interfaces.lock'), 'sh', '-c', 'echo held; exec sleep 60']);
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

async function release(child: ChildProcess): Promise<void> {
  // flock(1) leaves the lock to the program that it has started; both end with the group's only pipe.
  const ended = once(child, 'close');
  await exec('pkill', ['--parent', String(child.pid)]).catch(() => undefined);
  child.kill();
  await ended;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'opa-interfaces-'));
  await write(BEFORE);
});
afterEach(async () => {
  for (const child of children.splice(0))
    if (child.exitCode === null && child.signalCode === null) await release(child);
  await rm(directory, { recursive: true });
});

describe('the interfaces file', () => {
  it('is changed, byte for byte, and put back', async () => {
    expect(await apply()).toMatchObject([{ path: path('interfaces'), changed: true }]);
    expect(await read()).toBe(AFTER);
    await apply({ change: withoutOurs });
    expect(await read()).toBe(BEFORE);
    expect(await readdir(directory)).toEqual(['.pve-interfaces.lock', 'interfaces']);
  });

  it('is not written when nothing changes', async () => {
    await apply();
    await utimes(path('interfaces'), 1000, 1000);
    const { ino } = await stat(path('interfaces'));
    expect(await apply()).toMatchObject([{ changed: false }]);
    expect(await stat(path('interfaces'))).toMatchObject({ ino, mtimeMs: 1_000_000 });
  });

  it('is not written, and not locked, for a preview', async () => {
    await holdLock();
    const [outcome] = await previewInterfaces({ directory, change: show });
    expect([outcome?.changed, await read()]).toEqual([true, BEFORE]);
  });

  it('keeps its mode and its owner', async () => {
    await chmod(path('interfaces'), 0o640);
    const root = process.getuid?.() === 0;
    if (root) await chown(path('interfaces'), 0, 33);
    await apply();
    const { mode, gid } = await stat(path('interfaces'));
    expect([mode & 0o7777, gid]).toEqual([0o640, root ? 33 : process.getgid?.()]);
  });

  it('is changed where a symbolic link leads, and the link stays', async () => {
    await mkdir(path('real'));
    await rm(path('interfaces'));
    await write(BEFORE, 'real/file');
    await symlink('real/file', path('interfaces'));
    await apply();
    expect(await read('real/file')).toBe(AFTER);
    expect((await lstat(path('interfaces'))).isSymbolicLink()).toBe(true);
  });

  it.each([
    ['missing', async () => undefined],
    ['a directory', () => mkdir(path('interfaces'))],
    ['a FIFO', () => exec('mkfifo', [path('interfaces')])],
    ['larger than 1 MiB', () => write('#'.repeat(1024 * 1024 + 1))],
  ])('that is %s is refused with clear words', async (_what, make) => {
    await rm(path('interfaces'));
    await make();
    await expect(apply()).rejects.toMatchObject({ code: 'interfaces-not-editable' });
  });
});

describe('changes that Proxmox has not applied yet', () => {
  const PENDING = `${BEFORE}\niface eth7 inet manual\n`;

  it('get our part as well: neither Apply nor Revert loses it', async () => {
    await write(PENDING, 'interfaces.new');
    expect(await apply()).toMatchObject([{ changed: true }, { path: path('interfaces.new'), changed: true }]);
    expect(await read()).toBe(AFTER);
    expect(await read('interfaces.new')).toBe(show(PENDING).text);
    await apply({ change: withoutOurs });
    expect([await read(), await read('interfaces.new')]).toEqual([BEFORE, PENDING]);
  });

  it('are not made up where there are none', async () => {
    await apply();
    expect(await readdir(directory)).not.toContain('interfaces.new');
  });

  it('that cannot be read keep both files as they are', async () => {
    await mkdir(path('interfaces.new'));
    await expect(apply()).rejects.toMatchObject({ code: 'interfaces-not-editable' });
    expect(await read()).toBe(BEFORE);
  });
});

describe("Proxmox's lock", () => {
  it('is waited for, and the file that was saved meanwhile is the one that is changed', async () => {
    const proxmox = await holdLock();
    const applied = apply();
    const saved = `${BEFORE}\niface eth8 inet manual\n`;
    await write(saved);
    await release(proxmox);
    await applied;
    expect(await read()).toBe(show(saved).text);
  });

  it('is given up on after the deadline, with nothing written', async () => {
    await holdLock();
    await expect(apply({ waitS: 1 })).rejects.toMatchObject({ code: 'interfaces-busy' });
    expect(await read()).toBe(BEFORE);
  });

  it('is held while the file is changed, and free afterwards', async () => {
    const tryLock = () =>
      exec('flock', ['--nonblock', path('.pve-interfaces.lock'), 'true']).then(
        () => 'free',
        () => 'held',
      );
    let during = '';
    await applyInterfaces({
      directory,
      exec,
      async change(text) {
        during = await tryLock();
        return show(text);
      },
    });
    expect([during, await tryLock()]).toEqual(['held', 'free']);
  });

  it('is free after a failure', async () => {
    const broken = () => {
      throw new Error('broken');
    };
    await expect(apply({ change: broken })).rejects.toThrow('broken');
    await apply({ waitS: 0 });
    expect(await read()).toBe(AFTER);
  });
});

describe('when it goes wrong', () => {
  it('before the new file is in place, the old one is there, whole, and nothing beside it', async () => {
    const move = () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    await expect(apply({ move })).rejects.toMatchObject({ code: 'interfaces-not-editable' });
    expect(await read()).toBe(BEFORE);
    expect(await readdir(directory)).toEqual(['.pve-interfaces.lock', 'interfaces']);
  });

  it('with a crash, what is left of it is no obstacle', async () => {
    await write('half of a fi', 'interfaces.ovs-port-agent');
    await apply();
    expect(await read()).toBe(AFTER);
    expect(await readdir(directory)).toEqual(['.pve-interfaces.lock', 'interfaces']);
  });

  it('because somebody without the lock wrote the file, theirs stays', async () => {
    const theirs = `${BEFORE}# an editor\n`;
    const applied = applyInterfaces({
      directory,
      exec,
      async change(text) {
        await write(theirs);
        return show(text);
      },
    });
    await expect(applied).rejects.toMatchObject({ code: 'interfaces-busy' });
    expect(await read()).toBe(theirs);
  });

  it('in a directory that cannot be written, clear words', async () => {
    // Not even root can make a file there.
    const applied = applyInterfaces({ directory: '/sys/kernel', exec, change: show });
    await expect(applied).rejects.toMatchObject({ code: 'interfaces-not-editable' });
  });

  it('in a directory that is not there, clear words', async () => {
    const nowhere = path('none');
    const applied = applyInterfaces({ directory: nowhere, exec, change: show });
    await expect(applied).rejects.toMatchObject({ code: 'interfaces-not-editable' });
  });
});

describe('what stands around the file', () => {
  it('is read for names that it defines', async () => {
    await mkdir(path('interfaces.d'));
    await write('auto a\niface a inet manual\n', 'interfaces.d/one');
    await write('iface b inet manual\n', 'interfaces.d/two.cfg');
    expect([...(await sourcedNames('source interfaces.d/*\n', directory))].sort()).toEqual(['a', 'b']);
    expect([...(await sourcedNames(`\tsource ${path('interfaces.d/*.cfg')}\n`, directory))]).toEqual(['b']);
    expect([...(await sourcedNames('source-directory interfaces.d\n', directory))]).toHaveLength(2);
    expect([...(await sourcedNames('source /nowhere/*\nsource interfaces.d\n', directory))]).toEqual([]);
  });

  it.each([
    ['ifreload_down_changed=0\n', false],
    ['ifreload_down_changed = 0\n', false],
    ['ifreload_down_changed=1\n', true],
    ['# ifreload_down_changed=0\n', true],
    ['ifreload_down_changed=0\nifreload_down_changed=1\n', true],
  ])('ifupdown2 with %j takes changed bridges down: %s', async (text, frozen) => {
    await mkdir(path('ifupdown2'));
    await write(text, 'ifupdown2/ifupdown2.conf');
    expect((await frozenBy(directory)) !== undefined).toBe(frozen);
  });

  it('is without ifupdown2', async () => {
    expect(await frozenBy(directory)).toBeUndefined();
  });
});
