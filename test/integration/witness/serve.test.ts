// The witness on the network: the client's own requests, and peers that mean no good.

import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newSigner } from '../../../src/core/ledger/note/keys.ts';
import { addCheckpointBody } from '../../../src/witness/add-checkpoint.ts';
import { postCheckpoint } from '../../../src/witness/client/post.ts';
import { makeSeenHeads, openSeenHeads } from '../../../src/witness/seen-heads.ts';
import { type Served, type ServeOptions, serveWitness } from '../../../src/witness/server/serve.ts';
import { openWitness } from '../../../src/witness/witness.ts';
import { memoryLog } from '../../unit/witness/memory-log.ts';

const ORIGIN = 'host.example/ledger';
const log = memoryLog(ORIGIN);
log.grow(50);
const FIRST = addCheckpointBody(0, [], log.at(7).note);

let folder: string;
let served: Served | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'witness-'));
});
afterEach(async () => {
  await served?.close();
  served = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function serve(options: Partial<ServeOptions> = {}): Promise<string> {
  const directory = join(folder, 'seen');
  await makeSeenHeads(directory);
  const witness = openWitness({
    signer: newSigner('witness.example'),
    keysOf: (origin) => (origin === ORIGIN ? [log.signer.verifier] : []),
    seen: openSeenHeads(directory),
    now: Date.now,
    onTold: () => undefined,
  });
  served = await serveWitness({ host: '127.0.0.1', port: 0, witness, onLost: () => undefined, ...options });
  return `${options.tls ? 'https' : 'http'}://127.0.0.1:${served.address.port}`;
}

const post = (url: string, body: string, ca?: string) =>
  postCheckpoint(body, { url, ca, deadlineMs: 10_000 });

/** What comes back for these bytes; resolves when the server closes. */
function raw(bytes: string | Buffer, end = true): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(served?.address.port ?? 0, '127.0.0.1');
    let got = '';
    socket.on('data', (part) => {
      got += part.toString();
    });
    socket.on('close', () => resolve(got));
    socket.on('error', (error) => (got === '' ? reject(error) : resolve(got)));
    if (end) socket.end(bytes);
    else socket.write(bytes);
  });
}

describe('a witness on the network', () => {
  it('answers as the specification has it, and with a size where another was seen', async () => {
    const url = await serve();
    expect(await post(url, FIRST)).toMatchObject({
      status: 200,
      body: expect.stringMatching(/^— witness.example [A-Za-z0-9+/]+=*\n$/),
    });
    const again = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: FIRST });
    expect([again.status, again.headers.get('content-type'), await again.text()]).toEqual([
      409,
      'text/x.tlog.size',
      '7\n',
    ]);
    expect((await post(`${url}/`, 'old')).status).toBe(400);
  });

  it('has one path and one method', async () => {
    const url = await serve();
    expect((await fetch(url)).status).toBe(404);
    expect((await fetch(`${url}/add-checkpoint/`, { method: 'POST', body: FIRST })).status).toBe(404);
    const got = await fetch(`${url}/add-checkpoint`);
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('speaks TLS with its certificate, and its client trusts no other', async () => {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    execFileSync(
      'openssl',
      // biome-ignore format: as it is typed
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=w', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2', '-keyout', key, '-out', certificate],
      { stdio: 'ignore' },
    );
    const tls = { key: await readFile(key, 'utf8'), certificate: await readFile(certificate, 'utf8') };
    const url = await serve({ tls });
    expect(await post(url, FIRST, tls.certificate)).toMatchObject({ status: 200 });
    await expect(post(url, FIRST)).rejects.toMatchObject({ code: 'witness-unreachable' });
  });

  it('reads no more than a checkpoint can have', async () => {
    const url = await serve();
    expect((await post(url, 'x'.repeat(100_000))).status).toBe(413);
    const chunk = 'x'.repeat(0x8000);
    const chunked = `POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\n\r\n${`8000\r\n${chunk}\r\n`.repeat(4)}`;
    expect(await raw(chunked, false)).toMatch(/^HTTP\/1.1 413 /);
    expect((await post(url, FIRST)).status).toBe(200);
  });

  it('waits for no one who does not finish', async () => {
    const url = await serve({ limits: { requestMs: 500 } });
    const head = 'POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 1000\r\n\r\nold 0';
    const slow = await Promise.all([raw(head, false), raw('POST /add-ch', false), raw(`${head}\n`, false)]);
    for (const answer of slow) expect(answer).toMatch(/^(?:HTTP\/1.1 408 [\s\S]*)?$/);
    expect((await post(url, FIRST)).status).toBe(200);
  });

  it('answers garbage without falling', async () => {
    const url = await serve();
    for (const bytes of [
      '\0\0\0\0',
      'GET / HTTP/9\r\n\r\n',
      `POST /add-checkpoint HTTP/1.1\r\n${'a: b\r\n'.repeat(5_000)}\r\n`,
    ])
      expect(await raw(bytes).catch(() => '')).toMatch(/^(?:HTTP\/1.1 4\d\d [\s\S]*)?$/);
    expect((await post(url, FIRST)).status).toBe(200);
  });

  it('has enough of a peer that asks all the time, and is there for it again later', async () => {
    const url = await serve({ limits: { perPeer: { perSecond: 20, burst: 5, sources: 10 } } });
    const statuses = (await Promise.all(Array.from({ length: 30 }, () => post(url, 'old')))).map(
      ({ status }) => status,
    );
    expect(new Set(statuses)).toEqual(new Set([400, 429]));
    await expect
      .poll(async () => (await post(url, FIRST)).status, { timeout: 20_000, interval: 100 })
      .toBe(200);
  });

  it('gives one peer only some of its connections', async () => {
    const url = await serve({ limits: { connectionsPerPeer: 3, requestMs: 3_000 } });
    const held = [1, 2, 3].map(() => raw('POST', false).catch(() => ''));
    await expect.poll(() => raw('GET / HTTP/1.0\r\n\r\n').catch(() => ''), { timeout: 10_000 }).toBe('');
    await Promise.all(held);
    await expect
      .poll(async () => (await post(url, FIRST).catch(() => undefined))?.status, { timeout: 20_000 })
      .toBe(200);
  });
});

describe('whoever asks', () => {
  it('reads no endless answer, waits for no silent one, and follows no redirect', async () => {
    const { createServer } = await import('node:http');
    const server = createServer((request, response) => {
      if (request.url?.startsWith('/endless')) {
        const more = () => {
          if (!response.destroyed) response.write('x'.repeat(4096), () => setImmediate(more));
        };
        more();
      } else if (request.url?.startsWith('/moved')) response.writeHead(307, { location: '/endless' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    try {
      await expect(post(`${url}/endless`, FIRST)).rejects.toMatchObject({ code: 'witness-unreachable' });
      await expect(postCheckpoint(FIRST, { url: `${url}/silent`, deadlineMs: 300 })).rejects.toMatchObject({
        code: 'deadline-exceeded',
      });
      expect((await post(`${url}/moved`, FIRST)).status).toBe(307);
    } finally {
      server.closeAllConnections();
      server.close();
    }
    await expect(post(url, FIRST)).rejects.toMatchObject({ code: 'witness-unreachable' });
  });
});
