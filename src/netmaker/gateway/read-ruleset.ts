// The rules that the host has, from `nft -j`: ours, and those of others that stand in the way.

import { z } from 'zod';
import type { DefaultRoute } from '../../core/kernel/routes.ts';
import { isAgentError } from '../../core/lib/errors.ts';
import type { Exec } from '../../core/lib/exec.ts';
import { forwardObstacles } from './forwarding.ts';
import type { Obstacle } from './observed.ts';
import { digestOf } from './plan.ts';
import type { Tally } from './ruleset.ts';
import type { GatewaySpec } from './spec.ts';
import { ARP_TABLE, TABLE } from './tables.ts';
import { uplinkFor } from './uplink.ts';

const rulesetSchema = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });
const counterSchema = z.object({ name: z.string(), packets: z.number(), bytes: z.number() });

/** Our tables without what differs from look to look, and the counters in them. */
export async function readTable(exec: Exec): Promise<{ digest: string | undefined; tally: Tally }> {
  const both = await Promise.all([TABLE, ARP_TABLE].map((table) => listTable(exec, table)));
  const objects = both.flat();
  const counters = objects.flatMap(({ counter }) => counterSchema.safeParse(counter).data ?? []);
  return {
    digest: digestOfRules(objects),
    tally: new Map(counters.map(({ name, packets, bytes }) => [name, { packets, bytes }])),
  };
}

async function listTable(exec: Exec, table: { family: string; name: string }) {
  try {
    const text = await exec('nft', ['-j', 'list', 'table', table.family, table.name]);
    const { nftables } = rulesetSchema.parse(JSON.parse(text));
    return nftables.filter((one) => !('metainfo' in one));
  } catch (error) {
    // No such table. That nft works at all shows in the list of the whole ruleset.
    if (isAgentError(error, 'exec-failed')) return [];
    throw error;
  }
}

/** Handles are given out anew, counters run, and the elements of a set have no order. */
function withoutPassing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPassing);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !['handle', 'packets', 'bytes'].includes(key))
      .map(([key, inner]) => [
        key,
        key === 'elem' && Array.isArray(inner)
          ? inner.map((element) => JSON.stringify(element)).sort()
          : withoutPassing(inner),
      ]),
  );
}

export interface Rules {
  digest: string | undefined;
  obstacles: (spec: GatewaySpec, defaults: readonly DefaultRoute[]) => Obstacle[] | undefined;
}

/** Ours and everybody else's at once. Those may be such as `nft` cannot show as JSON; the gateway works without knowing them. */
export async function readRules(exec: Exec): Promise<Rules> {
  const text = await exec('nft', ['-j', 'list', 'ruleset']).catch((error: unknown) => {
    if (isAgentError(error, 'exec-failed')) return undefined;
    throw error;
  });
  const whole = text === undefined ? undefined : objectsOf(text);
  if (text === undefined || whole === undefined) {
    // An nft that does not work at all is another matter.
    await exec('nft', ['-j', 'list', 'tables']);
    return { digest: (await readTable(exec)).digest, obstacles: () => undefined };
  }
  const isOf = (one: Record<string, unknown>, { family, name }: { family: string; name: string }) =>
    Object.entries(one).some(([kind, value]) => {
      const object = placeSchema.safeParse(value).data;
      return object?.family === family && (kind === 'table' ? object.name : object.table) === name;
    });
  const own = [TABLE, ARP_TABLE].flatMap((table) => whole.filter((one) => isOf(one, table)));
  return {
    digest: digestOfRules(own),
    obstacles(spec, defaults) {
      try {
        return forwardObstacles(text, spec.pools, spec.bridge, (family) => uplinkFor(family, spec, defaults));
      } catch {
        return undefined;
      }
    },
  };
}

const placeSchema = z.object({
  family: z.string(),
  name: z.string().optional(),
  table: z.string().optional(),
});

function objectsOf(text: string): Record<string, unknown>[] | undefined {
  try {
    return rulesetSchema.parse(JSON.parse(text)).nftables.filter((one) => !('metainfo' in one));
  } catch {
    return undefined;
  }
}

const digestOfRules = (objects: readonly object[]) =>
  objects.length === 0 ? undefined : digestOf(objects.map(withoutPassing));
