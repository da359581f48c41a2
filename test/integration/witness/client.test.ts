// This ledger's client and a witness, over HTTP: what is cosigned, what is tried again, and what is told.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cosignedAt, cosignerOf } from '../../../src/core/ledger/note/cosignature.ts';
import { newSigner } from '../../../src/core/ledger/note/keys.ts';
import { parseNote } from '../../../src/core/ledger/note/signed-note.ts';
import type { Clocks } from '../../../src/core/lib/moment.ts';
import { witnessFaults } from '../../../src/diagnose/witness-faults.ts';
import { openWitnessClient, type WitnessClient } from '../../../src/witness/client/client.ts';
import { postCheckpoint } from '../../../src/witness/client/post.ts';
import {
  readWitnesses,
  type WitnessProblem,
  witnessFile,
} from '../../../src/witness/client/witness-state.ts';
import { makeSeenHeads, openSeenHeads } from '../../../src/witness/seen-heads.ts';
import { type Served, serveWitness } from '../../../src/witness/server/serve.ts';
import { openWitness } from '../../../src/witness/witness.ts';
import { type MemoryLog, memoryLog } from '../../unit/witness/memory-log.ts';

const ORIGIN = 'host.example/ledger';
const signer = newSigner('witness.example');
const key = cosignerOf(signer.verifier);
const SOON = { timeout: 20_000, interval: 20 };

let folder: string;
let log: MemoryLog;
let told: (WitnessProblem | undefined)[];
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'witness-'));
  log = memoryLog(ORIGIN);
  told = [];
});
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
  await rm(folder, { recursive: true, force: true });
});

async function witness(port = 0, by = signer, of = log): Promise<Served> {
  await makeSeenHeads(join(folder, 'seen'));
  const served = await serveWitness({
    host: '127.0.0.1',
    port,
    limits: {
      perPeer: { perSecond: 1e6, burst: 1e6, sources: 10 },
      together: { perSecond: 1e6, burst: 1e6, sources: 1 },
    },
    witness: openWitness({
      signer: by,
      keysOf: (origin) => (origin.startsWith(ORIGIN) ? [{ ...of.signer.verifier }] : []),
      seen: openSeenHeads(join(folder, 'seen')),
      now: Date.now,
      onTold: () => undefined,
    }),
    onLost: () => undefined,
  });
  open.push(served);
  return served;
}

async function client(
  port: number,
  shown: MemoryLog = log,
  clocks: Clocks = { now: Date.now, steady: () => performance.now() },
): Promise<WitnessClient> {
  const url = `http://127.0.0.1:${port}`;
  const opened = await openWitnessClient({
    log: shown,
    witnesses: [
      {
        name: 'other',
        url,
        key,
        post: (body, signal) => postCheckpoint(body, { url, signal, deadlineMs: 60_000 }),
      },
    ],
    directory: folder,
    ...clocks,
    debounceMs: 5,
    retryMs: 20,
    onTold: (_, problem) => told.push(problem),
    onError: (error) => {
      throw error;
    },
  });
  open.push(opened);
  return opened;
}

const size = (of: WitnessClient) => of.states()[0]?.size;

const DAY = 86_400_000;

/** Until a new checkpoint has been cosigned. */
async function witnessIsAsked(asking: WitnessClient): Promise<void> {
  const { size: wanted } = log.grow(1);
  await expect.poll(() => size(asking), SOON).toBe(wanted);
  await expect.poll(async () => (await readWitnesses(folder))[0]?.size, SOON).toBe(wanted);
}

/** Answers every request in this way. */
async function answering(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const server: Server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ close: () => new Promise((resolve) => server.close(() => resolve())) });
  return (server.address() as AddressInfo).port;
}

describe('a ledger with a witness', () => {
  it('has each of its newest checkpoints cosigned, and keeps the cosignature and the size', async () => {
    const { address } = await witness();
    const asking = await client(address.port);
    for (const count of [3, 1, 200]) {
      const { size: wanted } = log.grow(count);
      await expect.poll(() => size(asking), SOON).toBe(wanted);
    }
    const line = log.cosignatures.at(-1) ?? '';
    expect(cosignedAt(parseNote((log.newest()?.note ?? '') + line), key)).toBeGreaterThan(1_700_000_000);
    // What is known is told at once, and on disk a moment later.
    await expect
      .poll(() => readWitnesses(folder), SOON)
      .toMatchObject([{ name: 'other', size: 204, origin: ORIGIN, problem: null }]);
  });

  it('goes on by itself from what the witness has seen when it has forgotten that', async () => {
    const { address } = await witness();
    const asking = await client(address.port);
    log.grow(5);
    await expect.poll(() => size(asking), SOON).toBe(5);
    await asking.close();
    await rm(witnessFile(folder, asking.states()[0]?.key ?? ''));
    const anew = await client(address.port);
    log.grow(5);
    await expect.poll(() => size(anew), SOON).toBe(10);
  });

  it('tells once that a witness is away, and is there when it is back', async () => {
    const { address } = await witness();
    await open.pop()?.close();
    const asking = await client(address.port);
    log.grow(5);
    await expect.poll(() => told.length, SOON).toBe(1);
    expect(told[0]).toMatchObject({ kind: 'silent', text: expect.stringContaining('ECONNREFUSED') });
    log.grow(5);
    await witness(address.port);
    await expect.poll(() => size(asking), SOON).toBe(10);
    await expect.poll(() => told, SOON).toEqual([told[0], undefined]);
  });

  it('that was rolled back is told so by its witness', async () => {
    const { address } = await witness();
    const asking = await client(address.port);
    log.grow(50);
    await expect.poll(() => size(asking), SOON).toBe(50);
    log.rollBack(30);
    await expect.poll(() => log.ahead, SOON).toEqual([['other', 50]]);
    expect(asking.states()[0]?.problem).toMatchObject({ kind: 'ahead' });
    // A new epoch has a new name, and the witness has seen nothing of it.
    log.rename(`${ORIGIN}/e2`);
    await expect
      .poll(() => asking.states()[0], SOON)
      .toMatchObject({ origin: `${ORIGIN}/e2`, problem: null });
  });

  it('that was rolled back and has grown again is told of two histories', async () => {
    const { address } = await witness();
    const asking = await client(address.port);
    log.grow(50);
    await expect.poll(() => size(asking), SOON).toBe(50);
    await asking.close();
    log.rollBack(30);
    log.grow(40);
    const anew = await client(address.port);
    await expect
      .poll(() => anew.states()[0]?.problem, SOON)
      .toMatchObject({
        kind: 'forked',
        text: expect.stringContaining('50 blocks'),
      });
    expect(log.ahead).toEqual([]);
    expect(size(anew)).toBe(50);
  });

  it.each([
    [403, 'no\n', {}, 'refused', 'another key'],
    [404, 'no\n', {}, 'refused', 'does not know this log'],
    [422, 'no\n', {}, 'forked', 'does not go on'],
    [409, 'many\n', { 'content-type': 'text/x.tlog.size' }, 'refused', 'no size'],
    [409, '0\n', { 'content-type': 'text/x.tlog.size' }, 'forked', 'does not go on'],
    [500, 'oh\u001b[0m\n', {}, 'silent', '500'],
    [302, '', { location: '/' }, 'silent', '302'],
    [200, '', {}, 'refused', 'without a cosignature'],
    [200, '— witness.example AAAAAAAA\n', {}, 'refused', 'without a cosignature'],
  ] as const)('tells of a witness that answers %i %j', async (status, body, headers, kind, text) => {
    const asking = await client(await answering(status, body, headers));
    log.grow(5);
    await expect
      .poll(() => asking.states()[0]?.problem, SOON)
      .toMatchObject({
        kind,
        text: expect.stringContaining(text),
      });
    expect(log.cosignatures).toEqual([]);
    expect(size(asking)).toBe(null);
  });

  it('keeps no cosignature of another key, whatever name it has', async () => {
    const { address } = await witness(0, newSigner('witness.example'));
    const asking = await client(address.port);
    log.grow(5);
    await expect.poll(() => asking.states()[0]?.problem, SOON).toMatchObject({ kind: 'refused' });
    expect(log.cosignatures).toEqual([]);
  });

  it('is not called silent for a clock that jumps, and who reads the file learns the time by the new clock', async () => {
    const { address } = await witness();
    let [said, ran] = [0, 0];
    const clocks = { now: () => Date.now() + said, steady: () => performance.now() + ran };
    const asking = await client(address.port, log, clocks);
    const faults = () => witnessFaults({ states: asking.states(), everySeconds: 3600 }, clocks.now());
    for (const jump of [365 * DAY, -DAY, 30 - Date.now(), 0]) {
      const { size: wanted } = log.grow(1);
      await expect.poll(() => size(asking), SOON).toBe(wanted);
      said = jump;
      expect([jump, faults()]).toEqual([jump, []]);
    }
    said = 365 * DAY;
    await witnessIsAsked(asking);
    const at = Date.parse((await readWitnesses(folder))[0]?.cosigned_at ?? '');
    expect(Math.abs(at - clocks.now())).toBeLessThan(120_000);
    ran = 4 * 3_600_000;
    said = ran - DAY;
    expect(faults()).toMatchObject([{ fault: 'witness-silent' }]);
  });

  it('never has to wait for it: it ends at once while a witness is silent', async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const asking = await client((server.address() as AddressInfo).port);
    log.grow(5);
    await expect.poll(() => asking.states()[0]?.first_asked_at, SOON).not.toBe(null);
    const begun = performance.now();
    await asking.close();
    expect(performance.now() - begun).toBeLessThan(2_000);
    server.closeAllConnections();
    server.close();
  });
});
