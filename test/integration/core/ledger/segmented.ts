// Lays a ledger out over several files, for the tests of this folder.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packMember } from '../../../../src/core/ledger/packed-member.ts';
import { segmentName } from '../../../../src/core/ledger/segments.ts';
import { type Scratch, scratch } from './scratch.ts';

/** `first`: its first height by name; undefined for the file that is appended to. */
export type Part = { first?: number; lines: Buffer[]; packed?: boolean };

/** Lines in each member of a packed part. */
export const MEMBER_LINES = 2;

/** Cuts before the heights `cuts`; the parts for which `packed` is true are compressed. */
export function partsOf(
  lines: readonly Buffer[],
  cuts: readonly number[],
  packed: readonly boolean[],
): Part[] {
  const starts = [...new Set([1, ...cuts])].sort((a, b) => a - b);
  return starts.map((first, index) => {
    const next = starts[index + 1];
    const part = { lines: lines.slice(first - 1, next === undefined ? undefined : next - 1) };
    return next === undefined ? part : { ...part, first, packed: packed[index] ?? false };
  });
}

/** Where a part lies, from the ledger's directory on. */
export const fileOf = ({ first, packed }: Part): string =>
  first === undefined ? 'ledger.jsonl' : `ledger.d/segments/${segmentName(first)}${packed ? '.gz' : ''}`;

export async function bytesOf({ lines, packed }: Part): Promise<Buffer> {
  if (!packed) return Buffer.concat(lines);
  const members: Buffer[] = [];
  for (let at = 0; at < lines.length; at += MEMBER_LINES)
    members.push(await packMember(Buffer.concat(lines.slice(at, at + MEMBER_LINES))));
  return Buffer.concat(members);
}

export async function segmented(parts: readonly Part[]): Promise<Scratch> {
  const place = scratch();
  mkdirSync(join(place.dir, 'ledger.d/segments'), { recursive: true });
  for (const part of parts) writeFileSync(join(place.dir, fileOf(part)), await bytesOf(part));
  return place;
}
