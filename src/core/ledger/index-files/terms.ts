// The 32-bit keys under which the index holds a block; pure. Two terms may share a key: each hit is compared with the query itself.
import { objectOf, textOf } from '../../lib/json-value.ts';
import type { HashedBlock } from '../block.ts';
import { actorsOf, guestNamesOf, portsOf, vmidsOf } from './subjects.ts';

const PRIME = 0x01000193;

/** What the keys of each kind begin from: any numbers, as long as they are not the same. */
const SEEDS = {
  action: 0x811c9dc5,
  actor: 0x9e3779b9,
  category: 0x3c6ef372,
  cause: 0xa54ff53a,
  container: 0x510e527f,
  guest: 0x1f83d9ab,
  pid: 0x5be0cd19,
  port: 0x6a09e667,
  vmid: 0xbb67ae85,
} as const;

export type TermKind = keyof typeof SEEDS;

/** Docker shows the first 12 digits of an id, and people name it by these. */
export const CONTAINER_DIGITS = 12;
const CONTAINER_ID = /^[0-9a-f]{12,64}$/;

/** Whether a text may be the beginning of a container's id. */
export const isContainerId = (text: string) => CONTAINER_ID.test(text);

/** Digits of a block's hash that are its key, as they stand. */
export const HASH_DIGITS = 8;

export function keyOf(kind: TermKind, text: string | number): number {
  // FNV-1a over UTF-16 code units, and MurmurHash3's finaliser: keys must be spread evenly, since they are searched by interpolation.
  let hash: number = SEEDS[kind];
  const word = typeof text === 'string' ? text : String(text);
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Of the first digits of a hash, at least HASH_DIGITS of them. */
export function keyOfHash(digits: string): number {
  return Number.parseInt(digits.slice(0, HASH_DIGITS), 16);
}

/** All keys of a block; one may be there twice where two terms share it. */
export function keysOf(block: HashedBlock): number[] {
  const { action, category, cause, pid, hash } = block;
  const keys = [keyOfHash(hash), keyOf('action', action), keyOf('category', category), keyOf('pid', pid)];
  for (const actor of actorsOf(block)) keys.push(keyOf('actor', actor));
  if (cause !== null) keys.push(keyOf('cause', cause));
  for (const vmid of vmidsOf(block)) keys.push(keyOf('vmid', vmid));
  for (const port of portsOf(block)) keys.push(keyOf('port', port));
  for (const guest of guestNamesOf(block)) keys.push(keyOf('guest', guest));
  const container = textOf(objectOf(block.data), 'container_id');
  if (container !== undefined) keys.push(keyOf('container', container.slice(0, CONTAINER_DIGITS)));
  return keys;
}
