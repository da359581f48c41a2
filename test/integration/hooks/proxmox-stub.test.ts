// The hookscript's shell stub: ours first, then the hookscript that the guest had before, as if it were alone.

import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isSameGuest, lastingMarks, marksIn } from '../../../src/runtimes/proxmox/config/guest-marks.ts';
import { formatRecord } from '../../../src/runtimes/proxmox/hookscript/record.ts';

const STUB = new URL('../../../packaging/deb/proxmox-stub.sh', import.meta.url);
const FAST = new URL('../../../packaging/deb/hook.pl', import.meta.url);

let directory: string;
let stub: string;
let hook: string;
let record: string;
let former: string;
let config: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'proxmox-stub-'));
  stub = join(directory, 'ovs-port-agent');
  hook = join(directory, 'proxmox-hook.cjs');
  former = join(directory, "mine and 'yours' $(touch pwned) ü");
  await mkdir(join(directory, 'records'));
  for (const kind of ['pve1/qemu-server', 'pve1/lxc', 'pve2/qemu-server'])
    await mkdir(join(directory, 'pve/nodes', kind), { recursive: true });
  config = join(directory, 'pve/nodes/pve1/qemu-server/101.conf');
  record = join(directory, 'records', '101');
  const text = await readFile(STUB, 'utf8');
  const here = text
    .replace(/^hook=.*$/m, `hook='${hook}'`)
    .replace(/^node=.*$/m, `node='${process.execPath}'`)
    .replace(/^fast=.*$/m, `fast='${join(directory, 'hook.pl')}'`)
    .replace(/^pve=.*$/m, `pve='${join(directory, 'pve')}'`)
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

/** Perl asks the agent, of which there is none here, and becomes Node; without it Node is started at once. */
async function withPerl(): Promise<void> {
  const text = await readFile(FAST, 'utf8');
  const here = text
    .replace(/^my \$socket = .*$/m, `my $socket = '${join(directory, 'hook.sock')}';`)
    .replace(/^my \$lib = .*$/m, `my $lib = '${directory}';`)
    .replace(/^my \$node = .*$/m, `my $node = '${process.execPath}';`);
  await writeFile(join(directory, 'hook.pl'), here);
}

describe.each([
  ['through perl', withPerl],
  ['through Node alone', () => Promise.resolve()],
])('%s', (_way, prepare) => {
  beforeEach(() => prepare());

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
      expect(await run('post-stop')).toMatchObject({
        stdout: expect.stringContaining('former'),
        exitCode: 7,
      });
    });

    it('has a file without an interpreter line run by sh, as Proxmox would', async () => {
      await script(former, 'echo plain "$2"\n');
      expect(await run('pre-stop')).toMatchObject({
        stdout: 'ours 101 pre-stop\nplain pre-stop',
        exitCode: 0,
      });
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

  describe('a guest whose number another one had', () => {
    const UUID = '5c9b2e54-6a0a-4a0e-9a0e-0d1f2a3b4c5d';
    const VM = `name: web\nnet0: virtio=BC:24:11:AB:CD:01,bridge=vmbr0,tag=5\nsmbios1: uuid=${UUID}\n`;
    const CLONE = VM.replace('AB:CD:01', 'AB:CD:02').replace('5c9b', '6d0c');
    const CONTAINER = 'hostname: db\nnet0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AB:CD:03,type=veth\n';
    const NO_MARKS = 'hostname: alone\n';
    const rememberFor = (text: string) =>
      writeFile(
        record,
        formatRecord({
          state: 'enrolled',
          former: { volume: 'local:snippets/mine', path: former },
          marks: lastingMarks(marksIn(text)),
        }),
      );

    it.each([
      ['a VM', VM, VM],
      ['a VM whose MAC address was changed', VM, VM.replace('AB:CD:01', 'AB:CD:77')],
      ['a VM without a UUID', VM.replace(/smbios1.*\n/, ''), VM],
      [
        'a VM whose UUID is written otherwise',
        VM,
        VM.replace(`uuid=${UUID}`, `base64=1,uuid=${UUID.toUpperCase()},sku=eA==`),
      ],
      ['a container', CONTAINER, CONTAINER],
      ['a container that got a card', CONTAINER, `${CONTAINER}net1: name=eth1,hwaddr=BC:24:11:AB:CD:04\n`],
      ['a guest that nothing can be told by', NO_MARKS, NO_MARKS],
    ])('has its own hookscript run when it is the same: %s', async (_, before, now) => {
      await rememberFor(before);
      await writeFile(config, now);
      expect(await run()).toMatchObject({ stdout: expect.stringContaining('former 101'), exitCode: 7 });
    });

    it.each([
      ['a clone', VM, CLONE],
      ['a clone that was given the old MAC address', VM, CLONE.replace('AB:CD:02', 'AB:CD:01')],
      ['a clone with a snapshot that has the marks', VM, `${CLONE}\n[before]\n${VM}`],
      ['a clone with the marks in its description', VM, `#${VM.replaceAll('\n', '\n#')}\n${CLONE}`],
      ['a container after a VM', VM, CONTAINER],
      ['a clone of a container', CONTAINER, CONTAINER.replace('CD:03', 'CD:04')],
      ['one that nothing can be told by', CONTAINER, NO_MARKS],
      ['one after such a one', NO_MARKS, CLONE],
    ])('never has that one\u2019s run: %s', async (_, before, now) => {
      await rememberFor(before);
      await writeFile(config, now);
      expect(await run()).toEqual({
        stdout:
          'ours 101 pre-start\novs-port-agent: the hookscript local:snippets/mine of an earlier guest 101 does not run for this one; see: ovs-port-agent proxmox status',
        stderr: '',
        exitCode: 0,
      });
    });

    it('is found on the node that it comes from, and as a container', async () => {
      await rememberFor(VM);
      await writeFile(join(directory, 'pve/nodes/pve2/qemu-server/101.conf'), VM);
      expect(await run()).toMatchObject({ exitCode: 7 });
      await rm(join(directory, 'pve/nodes/pve2/qemu-server/101.conf'));
      expect(await run()).toMatchObject({ exitCode: 0 });
      await rememberFor(CONTAINER);
      await writeFile(join(directory, 'pve/nodes/pve1/lxc/101.conf'), CONTAINER);
      expect(await run()).toMatchObject({ exitCode: 7 });
    });

    it('is told by the stub as by the command line, whatever its configuration says', async () => {
      const unit = fc.constantFrom(
        ...[
          '\n',
          'net0: ',
          'net1:',
          'smbios1: ',
          'uuid=',
          UUID,
          UUID.toUpperCase(),
          ',',
          ' ',
          '[a]',
          '#',
          'x',
        ],
        ...['virtio=', 'hwaddr=', 'BC:24:11:AB:CD:01', 'bc:24:11:ab:cd:02', 'bridge=vmbr0', '\t', '='],
      );
      const texts = fc.string({ unit, maxLength: 25 });
      await fc.assert(
        fc.asyncProperty(texts, texts, async (before, now) => {
          await rememberFor(before);
          await writeFile(config, now);
          const same = isSameGuest(lastingMarks(marksIn(before)), marksIn(now));
          expect((await run()).exitCode).toBe(same ? 7 : 0);
        }),
        {
          numRuns: 60,
          examples: [
            [VM, VM],
            [VM, CLONE],
            [CONTAINER, CONTAINER],
          ],
        },
      );
    });

    it.each(['', '--\n', 'uuid=$(touch pwned)', 'MAC=x', `mac=bc:24:11:ab:cd:01\n-`])(
      'with a damaged line of marks, %j, is refused',
      async (marks) => {
        const lines = ['ovs-port-agent hookscript 2', 'enrolled', 'local:snippets/mine', former, marks];
        await writeFile(record, `${lines.join('\n')}\n`);
        await writeFile(config, VM);
        expect(await run()).toMatchObject({
          exitCode: 1,
          stderr: expect.stringContaining(`${record}, which says`),
        });
      },
    );
  });
});
