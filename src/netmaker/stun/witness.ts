// Sees a STUN exchange pass the host itself: what a container says about it could be its own answer to itself.
//
// A table of nftables that only counts: the question by its transaction id as it leaves this host, after all translation of
// addresses, and the answer as it comes in from there, with the container's own address in it (RFC 8489 14.1, 14.2).

import { z } from 'zod';
import { kernelNameProblem } from '../../core/lib/device-name.ts';
import type { Exec } from '../../core/lib/exec.ts';
import { encodeAddress, encodeXorAddress } from './address-attribute.ts';
import { ATTRIBUTE, MAGIC_COOKIE } from './message.ts';

/** One question of a probe, as the host can recognise it. */
export interface Question {
  family: 4 | 6;
  /** Addresses that it may rightly come from; canonical. */
  leased: readonly string[];
  server: { host: string; port: number; onHost: boolean };
  /** Twelve bytes. */
  transaction: Uint8Array;
}

/** `asked`: the question passed under a leased address. `told`: the server's answer passed, and named that address. */
export interface Seen {
  asked: boolean;
  told: boolean;
}

export interface Witness {
  /**
   * Runs `probing` and tells what passed meanwhile, in the order of the questions; `seen` is undefined when the host could not
   * watch. Throws what `probing` throws.
   */
  watch<T>(questions: readonly Question[], probing: () => Promise<T>): Promise<{ result: T; seen?: Seen[] }>;
}

const TABLE = 'inet ovs_port_agent_attest';
const countersSchema = z.object({
  nftables: z.array(z.object({ counter: z.object({ name: z.string(), packets: z.number() }).optional() })),
});
const routesSchema = z.array(
  z.object({ dev: z.string().refine((name) => kernelNameProblem(name) === undefined) }),
);

export function openWitness(exec: Exec): Witness {
  /** One at a time: there is one table. What a killed agent left of it goes with the next. */
  let last: Promise<unknown> = Promise.resolve();

  const deviceTowards = async ({ host }: Question['server']) => {
    const text = await exec('ip', ['-json', 'route', 'get', host]);
    return routesSchema.parse(JSON.parse(text))[0]?.dev ?? '';
  };
  const counts = async () => {
    const text = await exec('nft', ['-j', 'list', 'table', ...TABLE.split(' ')]);
    const counters = countersSchema.parse(JSON.parse(text)).nftables.flatMap(({ counter }) => counter ?? []);
    return new Map(counters.map(({ name, packets }) => [name, packets]));
  };
  const remove = () => exec('nft', [`add table ${TABLE}; delete table ${TABLE}`]).catch(() => undefined);

  const watchNow: Witness['watch'] = async (questions, probing) => {
    const isReady = await Promise.all(
      questions.map(async (question) => (question.server.onHost ? '' : deviceTowards(question.server))),
    )
      .then((devices) => exec('nft', [ruleset(questions, devices)]))
      .then(
        () => true,
        () => false,
      );
    try {
      const result = await probing();
      const seen = isReady ? await counts().catch(() => undefined) : undefined;
      if (seen === undefined) return { result };
      const has = (name: string) => (seen.get(name) ?? 0) > 0;
      return {
        result,
        seen: questions.map((_, at) => ({ asked: has(`asked${at}`), told: has(`told${at}`) })),
      };
    } finally {
      await remove();
    }
  };
  return {
    watch(questions, probing) {
      const mine = last.then(() => watchNow(questions, probing));
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}

/** After the translation of sources (100), and before that of destinations (−100) and connection tracking (−200). */
const CHAINS = {
  leaves: 'hook postrouting priority 350',
  comes: 'hook prerouting priority -350',
  answers: 'hook output priority 350',
} as const;

/** Bits from the beginning of UDP's header to what STUN has: the transaction id, then the first attribute. */
const ID = 128;
const FIRST = 224;

/** @param devices where each server is; not looked at for one on this host */
export function ruleset(questions: readonly Question[], devices: readonly string[]): string {
  const rules = questions.flatMap(({ family, leased, server, transaction }, at) => {
    const ip = family === 4 ? 'ip' : 'ip6';
    const host = server.host.replace(/%.*$/, '');
    const device = devices[at] ?? '';
    const id = words(ID, transaction);
    return leased.flatMap((address) => {
      const out = `${ip} saddr ${address} ${ip} daddr ${host} udp dport ${server.port} ${id}`;
      const back = `${ip} saddr ${host} ${ip} daddr ${address} udp sport ${server.port} ${id}`;
      const [asked, told] = server.onHost
        ? [`comes ${out}`, `answers ${back}`]
        : [`leaves oifname "${device}" ${out}`, `comes iifname "${device}" ${back}`];
      return [
        `${asked} counter name "asked${at}"`,
        ...mappings(address, transaction).map((mapping) => `${told} ${mapping} counter name "told${at}"`),
      ];
    });
  });
  return [
    `add table ${TABLE}`,
    `delete table ${TABLE}`,
    `add table ${TABLE}`,
    ...questions.flatMap((_, at) => ['asked', 'told'].map((name) => `add counter ${TABLE} ${name}${at}`)),
    ...Object.entries(CHAINS).map(([name, hook]) => `add chain ${TABLE} ${name} { type filter ${hook} ; }`),
    ...rules.map((rule) => `add rule ${TABLE} ${rule}`),
  ].join('\n');
}

/**
 * How a success response says an address: the attribute of it first, or behind a MAPPED-ADDRESS as older servers have it. The
 * port is left out: who is seen under another one is public all the same.
 */
function mappings(address: string, transaction: Uint8Array): string[] {
  const endpoint = { address, port: 0 };
  const id = Uint8Array.of(...MAGIC_COOKIE, ...transaction);
  const plain = encodeAddress(endpoint);
  const xored = encodeXorAddress(endpoint, id);
  const size = 8 * (4 + plain.length);
  const attribute = (at: number, type: number, value: Uint8Array) =>
    [
      `@th,${at},16 ${type}`,
      `@th,${at + 16},16 ${value.length}`,
      // Behind the first byte, which is nothing, and before the port.
      `@th,${at + 40},8 ${value[1]}`,
      words(at + 64, value.subarray(4)),
    ].join(' ');
  return [
    attribute(FIRST, ATTRIBUTE.xorMappedAddress, xored),
    attribute(FIRST, ATTRIBUTE.mappedAddress, plain),
    attribute(FIRST + size, ATTRIBUTE.xorMappedAddress, xored),
  ];
}

/** Matches of four bytes each. */
function words(at: number, bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from(
    { length: bytes.length / 4 },
    (_, word) => `@th,${at + 32 * word},32 ${view.getUint32(4 * word)}`,
  ).join(' ');
}
