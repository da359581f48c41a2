// Our STUN client, probe and responder with real sockets, on loopback only.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, describe, expect, it } from 'vitest';
import type { AgentError } from '../../../../src/core/lib/errors.ts';
import { stunBinding } from '../../../../src/netmaker/stun/binding.ts';
import { ATTRIBUTE, decodeMessage, encodeMessage } from '../../../../src/netmaker/stun/message.ts';
import { openResponder, type Responder } from '../../../../src/netmaker/stun/responder.ts';

const BUILD = fileURLToPath(new URL('../../../../scripts/build.mjs', import.meta.url));

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** A port that was free a moment ago, at the loopback addresses of both families. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '::1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function responding(addresses: string[]) {
  const [stunPort, httpPort] = [await freePort(), await freePort()];
  const errors: AgentError[] = [];
  const responder: Responder = openResponder({
    addresses,
    stunPort,
    httpPort,
    onError: (error) => errors.push(error),
  });
  open.push(responder);
  await responder.ensure();
  return { responder, stunPort, httpPort, errors };
}

/** A STUN server that answers what the test says. */
async function serving(
  reply: (datagram: Buffer, turn: number) => Uint8Array[],
): Promise<{ host: string; port: number }> {
  const socket = createSocket('udp4');
  open.push(socket);
  let turn = 0;
  socket.on('message', (datagram, from) => {
    for (const bytes of reply(datagram, turn++)) socket.send(bytes, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { host: '127.0.0.1', port: socket.address().port };
}

const ask = (server: { host: string; port: number }, deadlineMs = 5000) =>
  stunBinding({ server, family: server.host.includes(':') ? 6 : 4, deadlineMs });
const mappedTo = (last: number, datagram: Buffer) =>
  encodeMessage({
    class: 'success',
    method: 1,
    id: Uint8Array.from(datagram.subarray(4, 20)),
    attributes: [{ type: ATTRIBUTE.mappedAddress, value: Uint8Array.of(0, 1, 0, 9, 192, 0, 2, last) }],
  });

describe('our client and our responder', () => {
  it.each(['127.0.0.1', '::1'])('agree on who asks at %s', async (host) => {
    const { stunPort } = await responding(['127.0.0.1', '::1']);
    const { mapped, local, rttMs } = await ask({ host, port: stunPort });
    expect(local.address).toBe(host);
    expect(mapped).toEqual(local);
    expect(rttMs).toBeGreaterThan(0);
  });

  it('send from the address and port that they are told', async () => {
    const { stunPort } = await responding(['127.0.0.1']);
    const localPort = await freePort();
    const { mapped } = await stunBinding({
      server: { host: '127.0.0.1', port: stunPort },
      family: 4,
      localAddress: '127.0.0.9',
      localPort,
      deadlineMs: 5000,
    });
    expect(mapped).toEqual({ address: '127.0.0.9', port: localPort });
  });
});

describe('our client', () => {
  it('asks again when a datagram is lost', async () => {
    const server = await serving((datagram, turn) => (turn === 0 ? [] : [mappedTo(turn, datagram)]));
    expect((await ask(server)).mapped.address).toBe('192.0.2.1');
  });

  it('takes no answer to somebody else, and no noise, for its own', async () => {
    const other = Buffer.alloc(20, 7);
    const server = await serving((datagram) => [
      mappedTo(66, other),
      other,
      Buffer.from('hello'),
      mappedTo(1, datagram),
    ]);
    expect((await ask(server)).mapped.address).toBe('192.0.2.1');
  });

  it('takes no answer that comes from elsewhere', async () => {
    const stranger = createSocket('udp4');
    open.push(stranger);
    const front = createSocket('udp4');
    open.push(front);
    front.on('message', (datagram, from) => {
      stranger.send(mappedTo(66, datagram), from.port, from.address, () =>
        front.send(mappedTo(1, datagram), from.port, from.address),
      );
    });
    front.bind(0, '127.0.0.1');
    await once(front, 'listening');
    expect((await ask({ host: '127.0.0.1', port: front.address().port })).mapped.address).toBe('192.0.2.1');
  });

  it('says at once that nobody listens', async () => {
    const port = await freePort();
    await expect(ask({ host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'stun-failed',
      message: `STUN server 127.0.0.1:${port}: nobody listens there`,
      cause: { why: 'refused', local: { address: '127.0.0.1' } },
    });
  });

  it('gives up at its deadline', async () => {
    const server = await serving(() => []);
    await expect(ask(server, 200)).rejects.toMatchObject({ code: 'stun-failed', cause: { why: 'silent' } });
  });

  it('says what the server answered when that is of no use', async () => {
    const server = await serving((datagram) => [
      encodeMessage({
        class: 'error',
        method: 1,
        id: Uint8Array.from(datagram.subarray(4, 20)),
        attributes: [{ type: ATTRIBUTE.errorCode, value: Uint8Array.of(0, 0, 4, 1, 0x6e, 0x6f, 0x0a, 0x21) }],
      }),
    ]);
    await expect(ask(server)).rejects.toThrow('answered with error 401 no !');
  });
});

describe('the probe', () => {
  it('as a bundle prints one line of JSON with an answer for each question', async () => {
    const { stunPort } = await responding(['127.0.0.1', '::1']);
    const out = await mkdtemp(join(tmpdir(), 'stun-probe-'));
    open.push({ close: () => rm(out, { recursive: true }) });
    await execa(process.execPath, [BUILD, '--out', out, 'stun-probe']);
    const probe = (...words: (string | number)[]) =>
      execa(process.execPath, [join(out, 'stun-probe.cjs'), ...words.map(String)], { reject: false });

    const id = '00112233445566778899aabb';
    const closed = await freePort();
    const { stdout, exitCode } = await probe(
      2000,
      ...['127.0.0.1', stunPort, id],
      ...['::1', stunPort, id],
      ...['127.0.0.1', closed, id],
    );
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain('\n');
    expect(JSON.parse(stdout)).toEqual([
      { local: '127.0.0.1', mapped: '127.0.0.1', rtt_ms: expect.any(Number) },
      { local: '::1', mapped: '::1', rtt_ms: expect.any(Number) },
      { local: '127.0.0.1', why: 'refused', failure: 'nobody listens there' },
    ]);
    expect((await probe(2000, 'localhost', stunPort, id)).exitCode).toBe(2);
  });
});

describe('the responder', () => {
  it('answers /ip over HTTP with the caller’s address, in both families', async () => {
    const { httpPort, responder, stunPort } = await responding(['127.0.0.1', '::1']);
    expect(responder.listening()).toEqual([
      `stun:127.0.0.1:${stunPort}`,
      `http://127.0.0.1:${httpPort}/ip`,
      `stun:[::1]:${stunPort}`,
      `http://[::1]:${httpPort}/ip`,
    ]);
    for (const [host, said] of [
      ['127.0.0.1', '127.0.0.1\n'],
      ['[::1]', '::1\n'],
    ] as const) {
      const answer = await fetch(`http://${host}:${httpPort}/ip`);
      expect(answer.headers.get('content-type')).toContain('text/plain');
      expect(await answer.text()).toBe(said);
    }
    expect((await fetch(`http://127.0.0.1:${httpPort}/other`)).status).toBe(404);
    const head = await fetch(`http://127.0.0.1:${httpPort}/`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', '']);
    expect((await fetch(`http://127.0.0.1:${httpPort}/ip`, { method: 'POST', body: 'x' })).status).toBe(405);
  });

  it('listens at the given addresses only', async () => {
    const { stunPort, httpPort } = await responding(['127.0.0.1']);
    await expect(ask({ host: '127.0.0.2', port: stunPort })).rejects.toThrow('nobody listens');
    await expect(fetch(`http://127.0.0.2:${httpPort}/ip`)).rejects.toThrow();
    for (const address of ['0.0.0.0', '::', '224.0.0.1', 'localhost']) {
      expect(() => openResponder({ addresses: [address], stunPort, httpPort, onError: () => {} })).toThrow(
        'addresses of its own',
      );
    }
  });

  it('says once that an address is not there, and answers at the others', async () => {
    const { responder, errors, stunPort } = await responding(['192.0.2.99', '127.0.0.1']);
    await responder.ensure();
    expect(errors.map(({ code, message }) => [code, message.replace(/.*: /, '')])).toEqual(
      Array(2).fill(['responder-failed', 'the address is not there yet']),
    );
    expect((await ask({ host: '127.0.0.1', port: stunPort })).mapped.address).toBe('127.0.0.1');
  });

  it('takes a port that became free when it is asked to', async () => {
    const taken = createSocket('udp4').bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const stunPort = taken.address().port;
    const errors: AgentError[] = [];
    const httpPort = await freePort();
    const responder = openResponder({
      addresses: ['127.0.0.1'],
      stunPort,
      httpPort,
      onError: (error) => errors.push(error),
    });
    open.push(responder);
    await responder.ensure();
    expect(errors[0]?.message).toContain('EADDRINUSE');
    expect(responder.listening()).toEqual([`http://127.0.0.1:${httpPort}/ip`]);
    await new Promise<void>((resolve) => taken.close(resolve));
    await Promise.all([responder.ensure(), responder.ensure()]);
    expect(responder.listening()).toHaveLength(2);
    expect(errors).toHaveLength(1);
  });

  it('closes all, also with a connection that says nothing', async () => {
    const { responder, httpPort, stunPort } = await responding(['127.0.0.1']);
    const idle = connect(httpPort, '127.0.0.1');
    await once(idle, 'connect');
    const ended = once(idle, 'close');
    await responder.close();
    await ended;
    await responder.ensure();
    expect(responder.listening()).toEqual([]);
    await expect(ask({ host: '127.0.0.1', port: stunPort })).rejects.toThrow('nobody listens');
  });

  it('answers one source only so often, and others still', async () => {
    const { stunPort } = await responding(['127.0.0.1']);
    const client = createSocket('udp4').bind(0, '127.0.0.3');
    open.push(client);
    await once(client, 'listening');
    let answers = 0;
    client.on('message', () => {
      answers += 1;
    });
    const id = Uint8Array.from({ length: 16 }, (_, at) => at);
    const request = encodeMessage({ class: 'request', method: 1, id, attributes: [] });
    for (let sent = 0; sent < 120; sent++) client.send(request, stunPort, '127.0.0.1');
    expect((await ask({ host: '127.0.0.1', port: stunPort })).mapped.address).toBe('127.0.0.1');
    expect(answers).toBeGreaterThan(10);
    expect(answers).toBeLessThan(100);
  });

  it('is silent to what is no request', async () => {
    const { stunPort } = await responding(['127.0.0.1']);
    const client = createSocket('udp4').bind(0, '127.0.0.1');
    open.push(client);
    await once(client, 'listening');
    const got: Buffer[] = [];
    client.on('message', (datagram) => got.push(datagram));
    const id = Uint8Array.from({ length: 16 }, (_, at) => at + 1);
    const request = encodeMessage({ class: 'request', method: 1, id, attributes: [] });
    const large = encodeMessage({
      class: 'request',
      method: 1,
      id,
      attributes: [{ type: 0x8022, value: new Uint8Array(600) }],
    });
    for (const bytes of [Buffer.from('noise'), large, request.subarray(0, 19), Buffer.alloc(0), request]) {
      client.send(bytes, stunPort, '127.0.0.1');
    }
    // They come in order, so the answer to the last one tells that the others had none.
    await once(client, 'message');
    expect(got).toHaveLength(1);
    const [only = new Uint8Array()] = got;
    expect(decodeMessage(only)?.id).toEqual(id);
  });
});
