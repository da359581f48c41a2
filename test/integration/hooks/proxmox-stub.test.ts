// The hookscript's shell stub: ours first, then the hookscript that the guest had before, as if it were alone.

import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatRecord } from '../../../src/core/hookscript/record.ts';

const STUB = new URL('../../../packaging/deb/proxmox-stub.sh', import.meta.url);

let directory: string;
let stub: string;
let hook: string;
let record: string;
let former: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'proxmox-stub-'));
  stub = join(directory, 'ovs-port-agent');
  hook = join(directory, 'hook.cjs');
  former = join(directory, "mine and 'yours' $(touch pwned) ü");
  await mkdir(join(directory, 'records'));
  record = join(directory, 'records', '101');
  const text = await readFile(STUB, 'utf8');
  const here = text
    .replace(/^hook=.*$/m, `hook='${hook}'`)
    .replace(/^node=.*$/m, `node='${process.execPath}'`)
    .replace(/^records=.*$/m, `records='${join(directory, 'records')}'`);
  await script(stub, here);
  await ours('console.log("ours", ...process.argv.slice(2))');
  await script(
    former,
    '#!/bin/sh\necho former "$@" "$MINE" "$(printenv NODE_OPTIONS || echo unset)"; cat; echo bad >&2; exit 7\n',
  );
});

afterEach(() => rm(directory, { recursive: true }));

async function script(path: string, text: string): Promise<void> {
  await writeFile(path, text);
  await chmod(path, 0o755);
}

const ours = (text: string) => writeFile(hook, text);
const remember = (path = former) =>
  writeFile(record, formatRecord({ state: 'enrolled', former: { volume: 'local:snippets/mine', path } }));

async function run(phase = 'pre-start', input = '', vmid = '101') {
  const env = { PATH: process.env.PATH, MINE: 'kept' };
  const { stdout, stderr, exitCode } = await execa(stub, [vmid, phase], {
    input,
    env,
    extendEnv: false,
    cwd: directory,
    reject: false,
  });
  return { stdout, stderr, exitCode };
}

describe('a guest that had a hookscript before', () => {
  beforeEach(() => remember());

  it('has it run after ours, with the same arguments, environment and streams, and its exit code', async () => {
    expect(await run('pre-start', 'input\n')).toEqual({
      stdout: 'ours 101 pre-start\nformer 101 pre-start kept unset\ninput',
      stderr: 'bad',
      exitCode: 7,
    });
  });

  it('has it run also when our package is gone, or broken', async () => {
    await ours('process.abort()');
    expect(await run('post-stop')).toMatchObject({ exitCode: 7 });
    await rm(hook);
    expect(await run('post-stop')).toMatchObject({
      stdout: 'former 101 post-stop kept unset',
      exitCode: 7,
    });
  });

  it('does not have it run for a start that ours refuses', async () => {
    await ours('process.exit(3)');
    expect(await run('pre-start')).toEqual({ stdout: '', stderr: '', exitCode: 3 });
  });

  it('has it clean up after a stop all the same', async () => {
    await ours('process.exit(3)');
    expect(await run('post-stop')).toMatchObject({ stdout: expect.stringContaining('former'), exitCode: 7 });
  });

  it('has a file without an interpreter line run by sh, as Proxmox would', async () => {
    await script(former, 'echo plain "$2"\n');
    expect(await run('pre-stop')).toMatchObject({ stdout: 'ours 101 pre-stop\nplain pre-stop', exitCode: 0 });
  });

  it.each([
    ['is gone', () => rm(former), 'does not exist'],
    ['is a folder', () => rm(former).then(() => mkdir(former)), 'does not exist'],
    ['is not executable', () => chmod(former, 0o644), 'is not executable'],
  ])('is refused, as by Proxmox, when that script %s', async (_, change, text) => {
    await change();
    const { stderr, exitCode } = await run();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('local:snippets/mine');
    expect(stderr).toContain(text);
  });

  it('is not caught in a circle when that script is ours by another name', async () => {
    await rm(former);
    await remember(stub);
    expect(await run()).toEqual({ stdout: 'ours 101 pre-start', stderr: '', exitCode: 0 });
  });
});

describe('a guest that had none', () => {
  it.each([
    ['no record', () => Promise.resolve()],
    ['a record', () => writeFile(record, formatRecord({ state: 'enrolled' }))],
    ['a record of its way out', () => writeFile(record, formatRecord({ state: 'unenrolled' }))],
  ])('has ours run alone: %s', async (_, change) => {
    await change();
    expect(await run()).toEqual({ stdout: 'ours 101 pre-start', stderr: '', exitCode: 0 });
    await ours('process.exit(5)');
    expect(await run()).toMatchObject({ exitCode: 0 });
    await ours('process.exit(3)');
    expect([(await run('pre-start')).exitCode, (await run('post-stop')).exitCode]).toEqual([3, 3]);
  });
});

describe('a damaged record', () => {
  it.each([
    ['empty', ''],
    ['of another kind', '{"former":"/bin/true"}\n'],
    ['cut short', 'ovs-port-agent hookscript 1\nenrolled\nlocal:snippets/mine\n'],
    ['without its last line end', 'ovs-port-agent hookscript 1\nenrolled\nlocal:snippets/mine\n/bin/true'],
    ['too long', 'ovs-port-agent hookscript 1\nenrolled\nlocal:snippets/mine\n/bin/true\nmore\n'],
    ['with a slash more', 'ovs-port-agent hookscript 1\nenrolled\nlocal:snippets/mine\n/bin/true\n/\n'],
    ['of a later version', 'ovs-port-agent hookscript 2\nenrolled\nlocal:snippets/mine\n/bin/true\n'],
    ['in an unknown state', 'ovs-port-agent hookscript 1\nlost\nlocal:snippets/mine\n/bin/true\n'],
    ['with a relative path', 'ovs-port-agent hookscript 1\nenrolled\nlocal:snippets/mine\nbin/true\n'],
    ['with a command', 'ovs-port-agent hookscript 1\nenrolled\n$(touch pwned)\n$(touch pwned)\n'],
  ])('%s is refused by name, and nothing of it is run', async (_, text) => {
    await writeFile(record, text);
    const { stderr, exitCode } = await run();
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${record}, which says`);
    await expect(readFile(join(directory, 'pwned'))).rejects.toThrow();
  });

  it('is not looked for under a name that is no number', async () => {
    await copyFile(STUB, join(directory, 'records', 'x'));
    expect(await run('pre-start', '', '../records/x')).toMatchObject({ exitCode: 0 });
  });
});
