// Which of the kernel's WireGuard interfaces are read, and with what.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentError } from '../../../../src/core/lib/errors.ts';
import type { Exec } from '../../../../src/core/lib/exec.ts';
import { readKernel } from '../../../../src/netmaker/wireguard/kernel-wireguard.ts';

const SECRET = Buffer.alloc(32, 7).toString('base64');
const DUMP = `${SECRET}\t${Buffer.alloc(32, 8).toString('base64')}\t51821\toff`;
const link = (ifname: string, kind = 'wireguard') => ({ ifname, linkinfo: { info_kind: kind } });

let places: { module: string; sockets: string };
let started: string[];

beforeEach(async () => {
  const base = await mkdtemp(join(tmpdir(), 'opa-kernel-'));
  places = { module: join(base, 'module'), sockets: base };
  await mkdir(places.module);
  started = [];
});

afterEach(() => rm(places.sockets, { recursive: true }));

/** Answers `ip` with the links and `wg` with the dump. */
const programs =
  (links: unknown, dump: string | Error = DUMP): Exec =>
  async (file, args) => {
    started.push([file, ...args].join(' '));
    if (args.includes('ip')) return JSON.stringify(links);
    if (dump instanceof Error) throw dump;
    return dump;
  };

describe("the kernel's WireGuard in a container", () => {
  it("is read by the host's own programs in its network namespace", async () => {
    const read = await readKernel(programs([{}, link('netmaker'), link('eth0', 'veth')]), 4711, places);
    expect(read).toEqual({
      interfaces: [{ interface: 'netmaker', source: 'kernel', listenPort: 51821, peers: [] }],
      leftOut: 0,
    });
    expect(started).toEqual([
      'nsenter --net=/proc/4711/ns/net -- ip -json -details link show type wireguard',
      'nsenter --net=/proc/4711/ns/net -- wg show netmaker dump',
    ]);
  });

  it('is one of sixteen at most, and the others are counted', async () => {
    const links = [...Array(19).keys()].map((n) => link(`wg${n}`));
    const read = await readKernel(programs(links), 4711, places);
    expect([read.interfaces.length, read.leftOut]).toEqual([16, 3]);
  });

  it('is not looked for where the kernel has none', async () => {
    await rm(places.module, { recursive: true });
    expect(await readKernel(programs([link('netmaker')]), 4711, places)).toEqual({
      interfaces: [],
      leftOut: 0,
    });
    expect(started).toEqual([]);
  });

  it("is not mixed up with a userspace interface of the host's own that has its name", async () => {
    await writeFile(join(places.sockets, 'netmaker.sock'), '');
    expect(await readKernel(programs([link('netmaker')]), 4711, places)).toEqual({
      interfaces: [],
      leftOut: 0,
    });
    expect(started).toHaveLength(1);
  });

  it('that cannot be read is an error without what the program had printed', async () => {
    const cause = { stdout: DUMP };
    const failed = new AgentError('exec-failed', `nsenter failed: ${SECRET}`, { cause });
    const error: unknown = await readKernel(programs([link('wg0')], failed), 4711, places).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'wireguard-unreadable' });
    expect(inspect(error, { depth: null })).not.toContain(SECRET);
  });

  it.each([[{}], [[link('-rf')]], [[link('a b')]], ['x']])(
    'whose links are %j is an error',
    async (links) => {
      await expect(readKernel(programs(links), 4711, places)).rejects.toMatchObject({
        code: 'wireguard-unreadable',
      });
    },
  );
});
