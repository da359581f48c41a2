// What a block is about, and who asked for it: the names and numbers by which people look for it; pure.

import { parsePortName, vmidFromText } from '../../guest/vmid.ts';
import type { JsonObject } from '../../lib/json.ts';
import { objectOf, portsIn, textOf } from '../../lib/json-value.ts';
import type { Block } from '../block.ts';

/** Of `data`: its own number, and those of the ports and guests that it names. */
export function vmidsOf({ data }: Pick<Block, 'data'>): number[] {
  const reported = objectOf(data);
  const own = vmidFromText(textOf(reported, 'vmid') ?? '');
  const listed = listIn(reported, 'guests').flatMap(
    (guest) => vmidFromText(textOf(guest, 'vmid') ?? '') ?? [],
  );
  const ports = portsIn(reported).flatMap((port) => parsePortName(port)?.vmid ?? []);
  return [...new Set([...(own === undefined ? [] : [own]), ...listed, ...ports])];
}

/** Names of ports, the one before a change too. */
export function portsOf({ data }: Pick<Block, 'data'>): string[] {
  const reported = objectOf(data);
  return [...new Set([...portsIn(reported), ...texts(reported, ['former_port'])])];
}

/** Names of guests, the one before a change too. */
export function guestNamesOf({ data }: Pick<Block, 'data'>): string[] {
  const reported = objectOf(data);
  const listed = listIn(reported, 'guests').flatMap((guest) => texts(guest, ['name']));
  return [...new Set([...texts(reported, ['guest', 'name', 'former_name']), ...listed])];
}

/** Keys of `data` and `metadata` that name whoever asked; `user` and `pid` are fields of the block. */
export const ACTOR_KEYS = ['caller', 'changed_by', 'process', 'requested_by', 'sudo_user', 'uid', 'user'];

/** Who asked: the block's user, and what its data and metadata say of the caller. */
export function actorsOf(block: Pick<Block, 'data' | 'metadata' | 'user'>): string[] {
  const { data, metadata, user } = block;
  const caller = objectOf(objectOf(data).caller ?? null);
  return [
    ...new Set([
      user,
      ...texts(metadata, ACTOR_KEYS),
      ...texts(objectOf(data), ACTOR_KEYS),
      ...texts(caller, ACTOR_KEYS),
    ]),
  ];
}

function texts(data: JsonObject, keys: readonly string[]): string[] {
  return keys.flatMap((key) => textOf(data, key) ?? []);
}

function listIn(data: JsonObject, key: string): JsonObject[] {
  const list = Object.hasOwn(data, key) ? data[key] : undefined;
  return Array.isArray(list) ? list.map(objectOf) : [];
}
