// What a block is about, and who asked for it: the names and numbers by which people look for it; pure. Each block is asked when it is
// indexed, so these collect into one list each instead of making many.

import { parsePortName, vmidFromText } from '../../guest/vmid.ts';
import type { Json, JsonObject } from '../../lib/json.ts';
import { objectOf, textOf } from '../../lib/json-value.ts';
import type { Block } from '../block.ts';

/** Of `data`: its own number, and those of the ports and guests that it names. */
export function vmidsOf({ data }: Pick<Block, 'data'>): number[] {
  const reported = objectOf(data);
  const found: number[] = [];
  add(found, vmidFromText(textOf(reported, 'vmid') ?? ''));
  for (const guest of listIn(reported, 'guests'))
    add(found, vmidFromText(textOf(objectOf(guest), 'vmid') ?? ''));
  const port = textOf(reported, 'port');
  if (port !== undefined) add(found, parsePortName(port)?.vmid);
  for (const one of listIn(reported, 'ports'))
    add(found, parsePortName(textOf(objectOf(one), 'port') ?? '')?.vmid);
  return found;
}

/** Names of ports, the one before a change too. */
export function portsOf({ data }: Pick<Block, 'data'>): string[] {
  const reported = objectOf(data);
  const found: string[] = [];
  add(found, textOf(reported, 'port'));
  for (const one of listIn(reported, 'ports')) add(found, textOf(objectOf(one), 'port'));
  add(found, textOf(reported, 'former_port'));
  return found;
}

/** Names of guests, the one before a change too. */
export function guestNamesOf({ data }: Pick<Block, 'data'>): string[] {
  const reported = objectOf(data);
  const found: string[] = [];
  for (const key of ['guest', 'name', 'former_name']) add(found, textOf(reported, key));
  for (const guest of listIn(reported, 'guests')) add(found, textOf(objectOf(guest), 'name'));
  return found;
}

/** Keys of `metadata`, and of those objects in `data` that tell of a caller, that name whoever asked. */
const ACTOR_KEYS = ['caller_login', 'caller_process', 'caller_sudo_user', 'caller_unit'];
const CALLERS = ['asked_by', 'by', 'caller'];
const CALLER_KEYS = ['login_uid', 'login_user', 'process', 'sudo_user', 'uid', 'unit', 'user'];

/** Who asked: the block's user, and what its metadata and data say of the caller. */
export function actorsOf({ data, metadata, user }: Pick<Block, 'data' | 'metadata' | 'user'>): string[] {
  const found = [user];
  for (const key of ACTOR_KEYS) add(found, textOf(metadata, key));
  const reported = objectOf(data);
  add(found, textOf(reported, 'user'));
  for (const caller of CALLERS) {
    const said = own(reported, caller);
    if (said !== undefined) for (const key of CALLER_KEYS) add(found, textOf(objectOf(said), key));
  }
  return found;
}

/** Each once; there are few. */
function add<T>(found: T[], one: T | undefined): void {
  if (one !== undefined && !found.includes(one)) found.push(one);
}

const NONE: readonly Json[] = [];

function listIn(data: JsonObject, key: string): readonly Json[] {
  const list = own(data, key);
  return Array.isArray(list) ? list : NONE;
}

function own(data: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(data, key) ? data[key] : undefined;
}
