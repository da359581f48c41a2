// A block of the ledger as one line, or with everything it holds; pure.

import type { HashedBlock } from '../../core/ledger/index.ts';
import type { Json, JsonObject } from '../../core/lib/json.ts';
import { objectOf } from '../../core/lib/json-value.ts';
import { printable, safeJson } from '../printable.ts';
import { pad } from './table.ts';
import { localTime } from './time.ts';

/** Characters of data in a line; `ledger show HEIGHT` has all of it. */
const DATA_MAX = 160;

/** `2026-11-23 09:30:32  #42  port_attached  root  port=vi100 …  <- #41` */
export function blockLine(block: HashedBlock): string {
  const { height, action, user, data, cause, timestamp } = block;
  const parts = [
    localTime(timestamp),
    pad(`#${height}`, 6),
    pad(action, 22),
    pad(printable(user), 6),
    short(printable(pairs(data))),
    ...(cause === null ? [] : [`<- #${cause}`]),
  ];
  return parts.join('  ').trimEnd();
}

/** One field a line, in the order people ask for them. */
export function blockDetail(block: HashedBlock): string[] {
  const { height, timestamp, category, action, producer, user, pid, hostname, boot_id, cause } = block;
  const fields: [string, string][] = [
    ['height', String(height)],
    ['time', `${localTime(timestamp)} (${timestamp})`],
    ['what', `${category} ${action}`],
    ['producer', producer],
    ['by', `${user}, pid ${pid} on ${hostname}`],
    ['boot', boot_id],
    ['cause', cause === null ? '-' : `#${cause}`],
    ...inside('data', block.data),
    ...inside('metadata', block.metadata),
    ['prev_hash', block.prev_hash],
    ['hash', block.hash],
  ];
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${pad(name, width)}  ${printable(value)}`.trimEnd());
}

/** Each member on a line of its own below the name. */
function inside(name: string, data: Json): [string, string][] {
  const members = Object.entries(objectOf(data));
  if (members.length === 0) return [[name, safeJson(data)]];
  return members.map(([key, value], index) => [index === 0 ? name : '', `${key} = ${valueText(value)}`]);
}

function pairs(data: Json): string {
  const members: JsonObject = objectOf(data);
  if (data !== null && members !== data) return safeJson(data);
  return Object.entries(members)
    .map(([key, value]) => `${key}=${valueText(value)}`)
    .join(' ');
}

/** A plain word as it is, anything else as JSON. */
function valueText(value: Json): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : safeJson(value);
}

function short(text: string): string {
  return text.length > DATA_MAX ? `${text.slice(0, DATA_MAX)}…` : text;
}
