// Where the nodes of a growing tree are in a file that only grows: each after the last leaf below it. Pure.
//
// Nodes are written in the order in which they become complete, so none is ever written again: leaf 0, leaf 1, the node
// above both, leaf 2, leaf 3, the node above those, the node above all four, leaf 4, and so on.

/** A complete subtree: `level` 0 is a leaf; number `index` of its level covers the leaves from index * 2^level on. */
export interface Node {
  readonly level: number;
  readonly index: number;
}

/** The node's place in the file, counted in nodes. */
export function positionOf({ level, index }: Node): number {
  // The last leaf below it is the one after which it is written; above that leaf, each level follows the one below.
  let rest = (index + 1) * 2 ** level - 1;
  let before = 0;
  while (rest > 0) {
    before += rest;
    rest = Math.floor(rest / 2);
  }
  return before + level;
}

/** How many nodes a tree of `size` leaves has in the file. */
export function nodesOf(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest;
  return count;
}

/** How many nodes become complete with this leaf, itself included. */
export function completedBy(leaf: number): number {
  let count = 1;
  for (let rest = leaf; rest % 2 === 1; rest = Math.floor(rest / 2)) count += 1;
  return count;
}
