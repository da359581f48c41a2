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

/** Keys of `metadata`, and of those objects in `data` that tell of a caller, that name whoever asked. */
const ACTOR_KEYS = ['caller_login', 'caller_process', 'caller_sudo_user', 'caller_unit'];
const CALLERS = ['asked_by', 'by', 'caller'];
const CALLER_KEYS = ['login_uid', 'login_user', 'process', 'sudo_user', 'uid', 'unit', 'user'];

/** Who asked: the block's user, and what its metadata and data say of the caller. */
export function actorsOf({ data, metadata, user }: Pick<Block, 'data' | 'metadata' | 'user'>): string[] {
  const reported = objectOf(data);
  const callers = CALLERS.flatMap((key) => texts(objectIn(reported, key), CALLER_KEYS));
  return [...new Set([user, ...texts(metadata, ACTOR_KEYS), ...texts(reported, ['user']), ...callers])];
}

const objectIn = (data: JsonObject, key: string): JsonObject =>
  objectOf(Object.hasOwn(data, key) ? (data[key] ?? null) : null);

function texts(data: JsonObject, keys: readonly string[]): string[] {
  return keys.flatMap((key) => textOf(data, key) ?? []);
}

function listIn(data: JsonObject, key: string): JsonObject[] {
  const list = Object.hasOwn(data, key) ? data[key] : undefined;
  return Array.isArray(list) ? list.map(objectOf) : [];
}
