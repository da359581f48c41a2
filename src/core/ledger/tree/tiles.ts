// The layout in which logs are served as plain files (C2SP tlog-tiles): which tiles a tree has, where, and of what. Pure.

import type { ReadNode } from './proofs.ts';

/** Hashes of a full tile; a tile is eight levels of the tree. */
export const TILE_WIDTH = 256;
const TILE_LEVELS = 8;

export interface Tile {
  /** 0: the leaves; each level above has the roots of the full tiles below. */
  readonly level: number;
  readonly index: number;
  /** Hashes; less than TILE_WIDTH in the last one of a level. */
  readonly width: number;
}

/** All tiles of a tree of `size` leaves, from `have` leaves on that are in full tiles already. */
export function tilesOf(size: number, have = 0): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0; ; level += 1) {
    const unit = TILE_WIDTH ** level;
    const hashes = Math.floor(size / unit);
    if (hashes === 0) return tiles;
    const first = Math.floor(Math.floor(have / unit) / TILE_WIDTH);
    for (let index = first; index * TILE_WIDTH < hashes; index += 1)
      tiles.push({ level, index, width: Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH) });
  }
}

/** The hashes of a tile, one after the other. */
export function tileBytes({ level, index, width }: Tile, read: ReadNode): Buffer {
  const hashes = Array.from({ length: width }, (_, n) =>
    read({ level: level * TILE_LEVELS, index: index * TILE_WIDTH + n }),
  );
  return Buffer.concat(hashes);
}

/** `tile/0/x001/234`, or `tile/0/x001/234.p/17` for one that is not full. */
export const tilePath = (tile: Tile): string => `tile/${tile.level}/${numbered(tile)}`;

/** Where the blocks are whose leaves a tile of level 0 has. */
export const entriesPath = (tile: Omit<Tile, 'level'>): string => `tile/entries/${numbered(tile)}`;

function numbered({ index, width }: Omit<Tile, 'level'>): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0');
  const parts = digits.match(/\d{3}/g) ?? [];
  const path = parts.map((part, at) => (at < parts.length - 1 ? `x${part}` : part)).join('/');
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}

/** Blocks as a bundle: the length of each in two bytes, then its bytes. */
export function bundle(blocks: readonly Buffer[]): Buffer {
  return Buffer.concat(
    blocks.flatMap((block) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(block.length);
      return [length, block];
    }),
  );
}
