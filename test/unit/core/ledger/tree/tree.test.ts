// The Merkle tree over blocks: its roots are RFC 6962's, and its proofs convince nobody of anything else.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyRoot, leafHash, nodeHash } from '../../../../../src/core/ledger/tree/hash.ts';
import { completedBy, nodesOf, positionOf } from '../../../../../src/core/ledger/tree/positions.ts';
import {
  consistencyProof,
  inclusionProof,
  type ReadNode,
  rootOf,
} from '../../../../../src/core/ledger/tree/proofs.ts';
import { isConsistent, isIncluded } from '../../../../../src/core/ledger/tree/verify-proof.ts';

/** MTH(D[n]), by the letter of RFC 6962, section 2.1. */
function mth(leaves: readonly Uint8Array[]): Buffer {
  const [first] = leaves;
  if (first === undefined) return createHash('sha256').digest();
  if (leaves.length === 1) return createHash('sha256').update(Buffer.of(0)).update(first).digest();
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return createHash('sha256')
    .update(Buffer.of(1))
    .update(mth(leaves.slice(0, k)))
    .update(mth(leaves.slice(k)))
    .digest();
}

/** The file of nodes that these leaves make, as it grows. */
function fileOf(leaves: readonly Uint8Array[]): Buffer[] {
  const file: Buffer[] = [];
  for (const [leaf, bytes] of leaves.entries()) {
    let hash = leafHash(bytes);
    file.push(hash);
    for (let level = 1; level < completedBy(leaf); level++) {
      const left = file[positionOf({ level: level - 1, index: Math.floor(leaf / 2 ** (level - 1)) - 1 })];
      hash = nodeHash(left ?? Buffer.alloc(0), hash);
      file.push(hash);
    }
  }
  return file;
}

const reading =
  (file: readonly Buffer[]): ReadNode =>
  (node) => {
    const hash = file[positionOf(node)];
    if (hash === undefined) throw new Error(`no node ${JSON.stringify(node)}`);
    return hash;
  };

const numbered = (count: number) => Array.from({ length: count }, (_, n) => Buffer.from(`block ${n}`));

/** The leaves and roots with which implementations of RFC 6962 are compared (certificate-transparency, merkle_tree_test). */
const KNOWN_LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const KNOWN_ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

describe('the root', () => {
  it('of no leaves is the hash of nothing', () => {
    expect(rootOf(0, reading([])).toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    expect(emptyRoot()).toEqual(mth([]));
  });

  it.each(KNOWN_ROOTS.map((root, index) => [index + 1, root]))(
    'of the first %d known leaves is known',
    (size, root) => {
      const leaves = KNOWN_LEAVES.map((hex) => Buffer.from(hex, 'hex'));
      expect(rootOf(Number(size), reading(fileOf(leaves))).toString('hex')).toBe(root);
    },
  );

  it('of every size is what the RFC defines, also of an earlier size read from a later file', () => {
    const leaves = numbered(70);
    const read = reading(fileOf(leaves));
    for (let size = 0; size <= leaves.length; size++) {
      expect(rootOf(size, read)).toEqual(mth(leaves.slice(0, size)));
    }
  });
});

describe('the file of nodes', () => {
  it('has each node once, none before its leaves, and grows only', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_000 }), (size) => {
        const places = new Set<number>();
        for (let level = 0; 2 ** level <= size; level++) {
          for (let index = 0; (index + 1) * 2 ** level <= size; index++)
            places.add(positionOf({ level, index }));
        }
        expect(places.size).toBe(nodesOf(size));
        expect(Math.max(-1, ...places)).toBe(nodesOf(size) - 1);
        expect(nodesOf(size + 1) - nodesOf(size)).toBe(completedBy(size));
      }),
      { numRuns: 30 },
    );
  });

  it('is counted right where 32 bits end', () => {
    const size = 2 ** 40;
    expect(nodesOf(size)).toBe(2 ** 41 - 1);
    expect(positionOf({ level: 40, index: 0 })).toBe(2 ** 41 - 2);
    expect(completedBy(size - 1)).toBe(41);
  });
});

describe('a proof', () => {
  const leaves = numbered(65);
  const file = fileOf(leaves);
  const read = reading(file);
  const roots = leaves.map((_, n) => rootOf(n, read));
  const sizes = fc.integer({ min: 1, max: 64 });
  const rootAt = (size: number) => roots[size] ?? Buffer.alloc(0);
  const leafAt = (leaf: number) => leafHash(leaves[leaf] ?? Buffer.alloc(0));

  it('of inclusion convinces, for every leaf of every size', () => {
    for (let size = 1; size <= 64; size++) {
      for (let leaf = 0; leaf < size; leaf++) {
        const path = inclusionProof(leaf, size, read);
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        expect(isIncluded(leaf, leafAt(leaf), size, rootAt(size), path)).toBe(true);
      }
    }
  });

  it('of consistency convinces, for every pair of sizes', () => {
    for (let size = 0; size <= 64; size++) {
      for (let old = 0; old <= size; old++) {
        const path = consistencyProof(old, size, read);
        expect(isConsistent({ size: old, root: rootAt(old) }, { size, root: rootAt(size) }, path)).toBe(true);
      }
    }
  });

  /** One thing about a proof changed: a bit, a hash more, less, doubled, or two in each other's place. */
  const damaged = (path: readonly Buffer[], kind: number, at: number): Buffer[] => {
    const copy: Buffer[] = path.map((hash) => Buffer.from(hash));
    const place = copy.length === 0 ? 0 : at % copy.length;
    const hash = copy[place];
    if (kind === 0 && hash !== undefined) hash[at % 32] = (hash[at % 32] ?? 0) ^ (1 << (at % 8));
    else if (kind === 1) copy.splice(place, 1);
    else if (kind === 2) copy.splice(place, 0, leafHash(`surplus ${at}`));
    else if (kind === 3 && hash !== undefined) copy.splice(place, 0, hash);
    else copy.push(copy.shift() ?? leafHash('surplus'));
    return copy;
  };
  const damage = fc.tuple(fc.nat(4), fc.nat(10_000));
  const isSame = (one: readonly Buffer[], other: readonly Buffer[]) =>
    Buffer.concat([...one]).equals(Buffer.concat([...other]));

  it('of inclusion that anything was done to convinces nobody', () => {
    fc.assert(
      fc.property(sizes, fc.nat(1_000), damage, (size, any, [kind, at]) => {
        const leaf = any % size;
        const path = inclusionProof(leaf, size, read);
        const other = damaged(path, kind, at);
        fc.pre(!isSame(path, other));
        expect(isIncluded(leaf, leafAt(leaf), size, rootAt(size), other)).toBe(false);
      }),
    );
  });

  it('of consistency that anything was done to convinces nobody', () => {
    fc.assert(
      fc.property(sizes, sizes, damage, (one, another, [kind, at]) => {
        const [old, size] = [Math.min(one, another), Math.max(one, another)];
        const path = consistencyProof(old, size, read);
        const other = damaged(path, kind, at);
        fc.pre(!isSame(path, other));
        expect(isConsistent({ size: old, root: rootAt(old) }, { size, root: rootAt(size) }, other)).toBe(
          false,
        );
      }),
    );
  });

  it('of one leaf, size or root convinces of no other', () => {
    fc.assert(
      fc.property(sizes, sizes, fc.nat(1_000), fc.nat(1_000), (size, otherSize, any, anyOther) => {
        const [leaf, other] = [any % size, anyOther % size];
        const path = inclusionProof(leaf, size, read);
        if (other !== leaf) {
          expect(isIncluded(other, leafAt(other), size, rootAt(size), path)).toBe(false);
          expect(isIncluded(leaf, leafAt(other), size, rootAt(size), path)).toBe(false);
        }
        if (otherSize !== size)
          expect(isIncluded(leaf, leafAt(leaf), size, rootAt(otherSize), path)).toBe(false);
        const [old] = [Math.min(size, otherSize)];
        const shown = consistencyProof(old, 64, read);
        if (old > 1 && old < 64)
          expect(
            isConsistent({ size: old, root: rootAt(old - 1) }, { size: 64, root: rootAt(64) }, shown),
          ).toBe(false);
      }),
    );
  });

  it.each([
    [-1, 4],
    [4, 4],
    [1.5, 4],
    [Number.NaN, 4],
  ])('of leaf %d of %d is not to be had, and none convinces of it', (leaf, size) => {
    expect(() => inclusionProof(leaf, size, read)).toThrow(RangeError);
    expect(isIncluded(leaf, leafAt(0), size, rootAt(size), [])).toBe(false);
  });

  it('of a tree that shrinks is not to be had, and none convinces of it', () => {
    expect(() => consistencyProof(5, 4, read)).toThrow(RangeError);
    expect(isConsistent({ size: 5, root: rootAt(5) }, { size: 4, root: rootAt(4) }, [])).toBe(false);
  });
});
