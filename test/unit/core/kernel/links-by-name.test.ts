// Single names are answered as a list of all links answers them, and no name leads out of the list.

import { describe, expect, it } from 'vitest';
import { linkNamesNow, linksByName } from '../../../../src/core/kernel/links.ts';

describe('links by name', () => {
  it('are those of the list, however many are asked for', () => {
    const links = linksByName();
    for (const name of linkNamesNow()) expect(links.has(name), name).toBe(true);
    for (let n = 0; n < 100; n++) expect(links.has(`none${n}`)).toBe(false);
    for (const name of linkNamesNow()) expect(links.has(name), name).toBe(true);
  });

  it.each(['', '.', '..', '../net', 'lo/', './lo', 'lo/../lo', '../../../tmp', 'a\0b'])(
    'are never %j',
    (name) => {
      expect(linksByName().has(name)).toBe(false);
    },
  );
});
