// The watch on the locks of containers' configurations: the real program, real files, flock(2) as Proxmox takes it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { follow } from '../../../../src/core/lib/exec.ts';
import { heldLocks, type LockWatch, watchLocks } from '../../../../src/runtimes/proxmox/lock-watch.ts';

const PROGRAM = fileURLToPath(new URL('../../../../packaging/deb/open-watch.pl', import.meta.url));

let parent: string;
let directory: string;
let told: string[];
let watch: LockWatch | undefined;
let holders: ChildProcess[];

const begin = (program = PROGRAM) => {
  watch = watchLocks({
    directory,
    program,
    follow,
    onOpen: (vmid) => void told.push(`open ${vmid}`),
    onClose: (vmid) => void told.push(`close ${vmid}`),
    onAnew: () => void told.push('anew'),
    onProblem: (problem) => void told.push(`problem ${problem}`),
  });
  return watch.ready;
};
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 10 });
const lock = (vmid: number) => join(directory, `pve-config-${vmid}.lock`);

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'locks-'));
  directory = join(parent, 'lxc');
  told = [];
  holders = [];
});

afterEach(async () => {
  watch?.close();
  watch = undefined;
  for (const holder of holders) holder.kill();
  await rm(parent, { recursive: true });
});

/** As `pct` does while it works on a container. */
async function hold(vmid: number): Promise<ChildProcess> {
  const script = 'open(F, ">>", $ARGV[0]); flock(F, 2); $| = 1; print "held\\n"; <STDIN>';
  const holder = spawn('perl', ['-e', script, lock(vmid)], { stdio: ['pipe', 'pipe', 'inherit'] });
  holders.push(holder);
  await once(holder.stdout, 'data');
  return holder;
}

describe('the lock of a container', () => {
  beforeEach(() => mkdir(directory));

  it('is told when it is opened and when it is closed, in order', async () => {
    await begin();
    for (const vmid of [201, 202]) {
      const file = await open(lock(vmid), 'a');
      await eventually(() => expect(told).toContain(`open ${vmid}`));
      await file.close();
      await eventually(() => expect(told.at(-1)).toBe(`close ${vmid}`));
    }
    expect(told).toEqual(['anew', 'open 201', 'close 201', 'open 202', 'close 202']);
  });

  it('is told from other files of the directory', async () => {
    await begin();
    for (const name of ['pve-config-201.lock.x', 'x\nopen pve-config-201.lock', 'pve-config-99.lock', 'y'])
      await appendFile(join(directory, name), '');
    await appendFile(lock(203), '');
    await eventually(() => expect(told).toContain('close 203'));
    expect(told).toEqual(['anew', 'open 203', 'close 203']);
  });

  it('is found held, by whoever has it', async () => {
    const holder = await hold(204);
    await appendFile(lock(205), '');
    expect(await heldLocks(directory)).toEqual(new Set([204]));
    holder.stdin?.end();
    await once(holder, 'exit');
    expect(await heldLocks(directory)).toEqual(new Set());
  });

  it('is not said to be free when the kernel’s list cannot be read', async () => {
    expect(await heldLocks(directory, join(parent, 'nothing'))).toBeUndefined();
  });
});

describe('the directory', () => {
  it('may come later, and come anew', async () => {
    await begin();
    expect(told).toEqual(['anew']);
    for (const round of [1, 2]) {
      await mkdir(directory);
      await eventually(() => expect(told.filter((line) => line === 'anew')).toHaveLength(1 + round));
      await appendFile(lock(200 + round), '');
      await eventually(() => expect(told).toContain(`close ${200 + round}`));
      await rm(directory, { recursive: true });
    }
  });
});

describe('the program', () => {
  it('is started anew when it is killed, and what is open then has to be found out', async () => {
    await mkdir(directory);
    const pidFile = join(parent, 'pid');
    const program = join(parent, 'program.pl');
    const text = await readFile(PROGRAM, 'utf8');
    const noted = `BEGIN { open(my $f, '>', '${pidFile}'); print $f $$; close $f }\n`;
    await appendFile(program, `${noted}${text}`);
    await begin(program);
    process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
    await eventually(() => expect(told).toEqual(['anew', 'anew']));
    await appendFile(lock(201), '');
    await eventually(() => expect(told).toContain('close 201'));
  });

  it('that does not run is told, with its own words', async () => {
    const program = join(parent, 'broken.pl');
    await appendFile(program, 'print "problem inotify_init1: Too many open files\\n"; exit 1;');
    await begin(program);
    expect(told).toEqual(['problem inotify_init1: Too many open files']);
  });

  it('that runs again after that is told, too', async () => {
    await mkdir(directory);
    const program = join(parent, 'twice.pl');
    const marker = join(parent, 'tries');
    const fails = `open(my $f, '+>>', '${marker}'); print $f 'x'; close $f; exit 1 if -s '${marker}' < 3;\n`;
    await appendFile(program, `${fails}${await readFile(PROGRAM, 'utf8')}`);
    await begin(program);
    expect(told[0]).toMatch(/^problem /);
    await vi.waitFor(() => expect(told).toContain('problem undefined'), { timeout: 30_000, interval: 50 });
    await appendFile(lock(201), '');
    await eventually(() => expect(told).toContain('close 201'));
  });
});
