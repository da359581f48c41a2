// Whether a container is public: what a STUN probe inside its network namespace saw, and what follows from it.

import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { z } from 'zod';
import { parseIp } from '../../core/lib/cidr.ts';
import { withDeadline } from '../../core/lib/deadline.ts';
import type { Exec } from '../../core/lib/exec.ts';
import { type Judgement, judge, type Probed } from './judge.ts';
import type { StunServer } from './server.ts';
import type { Witness } from './witness.ts';

/** Milliseconds that the probe's own start may take on a busy host. */
const START_MS = 5000;
/** Where the package has the probe. */
const PROBE = '/usr/lib/ovs-port-agent/stun-probe.cjs';

export interface AttestRequest {
  exec: Exec;
  /** A process of the container. */
  pid: number;
  /** What the container has been given, of any family; canonical, without prefix length. */
  addresses: readonly string[];
  /** Asked for an address: the first one of its family. */
  servers: readonly StunServer[];
  /** For each server's answer. */
  deadlineMs: number;
  witness: Witness;
  /** The probe's program file. */
  probe?: string;
}

/** A verdict with what it is about; with the container's name it is an element of what `attest_netmaker` answers. */
export interface Attestation extends Judgement {
  addresses: string[];
  /** `ADDRESS:PORT` as it was asked; null when there was none to ask. */
  server: string | null;
  rtt_ms: number | null;
}

const answersSchema = z.array(
  z.object({
    local: z.ipv4().or(z.ipv6()).optional(),
    mapped: z.ipv4().or(z.ipv6()).optional(),
    rtt_ms: z.number().nonnegative().optional(),
    failure: z.string().max(1000).optional(),
    why: z.enum(['no-route', 'refused', 'silent', 'answer']).optional(),
  }),
);

/** One attestation for each family that the container has an address of; one in all when it has none. Does not throw. */
export async function attest(request: AttestRequest): Promise<Attestation[]> {
  const families = ([4, 6] as const)
    .map((family) => ({
      family,
      leased: request.addresses.filter((address) => parseIp(address)?.family === family),
    }))
    .filter(({ leased }) => leased.length > 0);
  if (families.length === 0) {
    return [{ addresses: [], server: null, rtt_ms: null, ...judge({ leased: [] }) }];
  }
  const probed = await runAttest(request);
  return families.map(({ family, leased }) => {
    const probe = probed.find((one) => one.family === family);
    const server = probe?.server;
    return {
      addresses: leased,
      server: server === undefined ? null : endpointText(server),
      rtt_ms: probe?.rttMs ?? null,
      ...judge({ leased, ...(probe && { probe }) }),
    };
  });
}

/** Runs the probe for each family of the addresses that there is a server for; what goes wrong is in the result. */
export async function runAttest(request: AttestRequest): Promise<Probed[]> {
  const { exec, pid, addresses, servers, deadlineMs, witness, probe = PROBE } = request;
  const families = new Set(addresses.map((address) => parseIp(address)?.family));
  const resolved = await Promise.all(
    ([4, 6] as const)
      .filter((family) => families.has(family))
      .map(async (family) => ({ family, server: await serverOf(family, servers, deadlineMs) })),
  );
  const asked = resolved.flatMap(({ family, server }) =>
    server ? [{ family, server, transaction: randomBytes(12) }] : [],
  );
  if (asked.length === 0) return [];
  const words = asked.flatMap(({ server, transaction }) => [
    server.host,
    String(server.port),
    transaction.toString('hex'),
  ]);
  const leasedOf = (family: 4 | 6) => addresses.filter((address) => parseIp(address)?.family === family);
  const questions = asked.map((one) => ({ ...one, leased: leasedOf(one.family) }));
  try {
    const namespace = [`--net=/proc/${pid}/ns/net`, '--'];
    const { result: text, seen } = await witness.watch(questions, () =>
      exec('nsenter', [...namespace, process.execPath, probe, String(deadlineMs), ...words], {
        deadlineMs: deadlineMs + START_MS,
      }),
    );
    const answers = answersSchema.parse(JSON.parse(text));
    return asked.map(({ family, server }, at) => ({
      ...probedOf({ family, server }, answers[at]),
      ...(seen?.[at] && { seen: seen[at] }),
    }));
  } catch (error) {
    const problem = error instanceof z.ZodError ? 'its answer was not understood' : (error as Error).message;
    const failure = `The probe in the namespace of process ${pid} failed: ${problem}`.replace(/\s+/g, ' ');
    return asked.map(({ family, server }) => ({ family, server, failure, why: 'no-probe' as const }));
  }
}

type Asked = Pick<Probed, 'family' | 'server'>;

function probedOf(asked: Asked, answer: z.infer<typeof answersSchema>[number] | undefined): Probed {
  const { local, mapped, rtt_ms, failure, why } = answer ?? {};
  return {
    ...asked,
    ...(local !== undefined && { local: canonical(local) }),
    ...(mapped !== undefined && { mapped: canonical(mapped) }),
    ...(rtt_ms !== undefined && { rttMs: rtt_ms }),
    ...(mapped === undefined && { failure: failure ?? 'no answer from the probe', why: why ?? 'no-probe' }),
  };
}

/** Names are resolved out here: the host's resolver is often at an address that a container's namespace has not. */
async function serverOf(
  family: 4 | 6,
  servers: readonly StunServer[],
  deadlineMs: number,
): Promise<Probed['server'] | undefined> {
  for (const { host, port } of servers) {
    const literal = parseIp(host.replace(/%.*$/, ''));
    const address = literal === undefined ? await resolved(host, family, deadlineMs) : host;
    if (address === undefined || (literal && literal.family !== family)) continue;
    return { host: address, port, onHost: isOwn(address) };
  }
  return undefined;
}

async function resolved(name: string, family: 4 | 6, deadlineMs: number): Promise<string | undefined> {
  try {
    const found = await withDeadline(deadlineMs, `Resolving ${name}`, () => lookup(name, { family }));
    return canonical(found.address);
  } catch {
    return undefined;
  }
}

function isOwn(address: string): boolean {
  const wanted = canonical(address.replace(/%.*$/, ''));
  const own = Object.values(networkInterfaces()).flatMap((infos) => infos ?? []);
  return own.some((info) => canonical(info.address) === wanted);
}

const canonical = (text: string) => parseIp(text)?.text ?? text;

const endpointText = ({ host, port }: { host: string; port: number }) =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
