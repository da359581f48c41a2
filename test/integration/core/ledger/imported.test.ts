// A ledger of the older program is judged by that program's own rule, and taken over once, as it is.

import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { examineSeedLedger } from '../../../../src/core/ledger/imported/examine.ts';
import { imports, takeOver } from '../../../../src/core/ledger/imported/take-over.ts';
import { readBlocks, verifyLedger } from '../../../../src/core/ledger/index.ts';
import { withFile } from '../../../../src/core/ledger/paths.ts';
import { cli } from '../../../unit/cli/fake.ts';
import { blockProblem } from '../../../unit/core/ledger/registry.ts';
import { open, scratch } from './scratch.ts';
import { SEED_ENTRIES, seedBlocks, seedRecords } from './seed-ledger.ts';

const blocks = seedBlocks(SEED_ENTRIES);
const records = seedRecords(SEED_ENTRIES);
const FORMS = { blocks, records };

async function examine(content: string | Buffer) {
  using place = scratch(content);
  return await withFile(place.path, 'r', (file) => examineSeedLedger(file));
}

describe('a ledger of the older program', () => {
  it('is a line that another implementation of its rule has made', async () => {
    const line =
      '{"timestamp":1760182880,"height":1,"prev_hash":"","hash":"9d28438cdfedc17d35860040b90d0bd76797a153b6e32c6a081a8b82d7bbef88","producer":"network-plugin","category":"interface","action":"interface_created","user":"system","hostname":"pve1","pid":4242,"data":{"bridge":"ovsbr0","container_id":"web","interface":"vi_web","original":"veth100i0","vmid":100},"metadata":{},"signature":null}\n';
    expect(blocks[0]).toBe(line);
    expect(await examine(line)).toMatchObject({ verdict: 'ok', blocks: 1, holds: 1 });
  });

  it.each(Object.entries(FORMS))('holds as it was written: %s', async (name, lines) => {
    const found = await examine(lines.join(''));
    expect(found).toMatchObject({ verdict: 'ok', holds: 5, faults: {}, [name]: 5 });
    expect(found.sha256).toBe(createHash('sha256').update(lines.join('')).digest('hex'));
    expect(found.last?.hash).toBe(JSON.parse(lines.at(-1) ?? '').hash);
  });

  it('may have both forms, of two versions that did not read each other', async () => {
    const both = [...records.slice(0, 3), ...blocks, ...records.slice(3)].join('');
    expect(await examine(both)).toMatchObject({ verdict: 'ok', blocks: 5, records: 5, holds: 10 });
  });

  it('does not hold where a height is left out, though every hash is right', async () => {
    const lines = seedBlocks(SEED_ENTRIES, (at) => (at < 2 ? at + 1 : at + 2));
    expect(await examine(lines.join(''))).toMatchObject({ firstBad: { line: 3, reason: 'height' } });
  });

  it.each(Object.entries(FORMS))('shows one flipped byte, whichever: %s', async (_, lines) => {
    const whole = Buffer.from(lines.join(''));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        const line = whole.subarray(0, at).filter((byte) => byte === 0x0a).length + 1;
        const found = await examine(bytes);
        expect(found.verdict).not.toBe('ok');
        expect(found.firstBad?.line).toBe(line);
      }),
      { numRuns: 300 },
    );
  });

  it.each(Object.entries(FORMS))('shows lines dropped, doubled, swapped and cut: %s', async (_, lines) => {
    expect(await examine(lines.toSpliced(2, 1).join(''))).toMatchObject({
      verdict: 'broken',
      holds: 3,
      firstBad: { line: 3, reason: 'prev-hash' },
    });
    expect(await examine(lines.toSpliced(2, 0, lines[2] ?? '').join(''))).toMatchObject({
      verdict: 'broken',
      firstBad: { line: 4, reason: 'prev-hash' },
    });
    const swapped = lines.with(1, lines[2] ?? '').with(2, lines[1] ?? '');
    expect(await examine(swapped.join(''))).toMatchObject({ firstBad: { line: 2, reason: 'prev-hash' } });
    expect(await examine(lines.join('').slice(0, -7))).toMatchObject({
      verdict: 'torn-tail',
      holds: 4,
      firstBad: { line: 5, reason: 'torn' },
    });
    expect(await examine(lines.with(1, 'x'.repeat(3_000_000).concat('\n')).join(''))).toMatchObject({
      firstBad: { line: 2, reason: 'too-long' },
      holds: 3,
    });
  });

  it('does not hold when two writers forked it, as that program can', async () => {
    const other = seedBlocks([...SEED_ENTRIES.slice(0, 2), { action: 'other', data: 1 }]);
    const forked = [...blocks.slice(0, 3), other[2], ...blocks.slice(3)].join('');
    expect(await examine(forked)).toMatchObject({ verdict: 'broken', faults: { 'prev-hash': 2 }, holds: 4 });
  });

  /** Lines that the rule hashes alike: that program would take them. */
  const TWO_FACED: Record<string, (line: string) => string> = {
    'a field that nobody hashes': (line) => line.replace('"signature":null', '"note":1,"signature":null'),
    'a key given twice': (line) => line.replace('"user":"system"', '"user":"evil","user":"system"'),
    'an escape for a plain letter': (line) => line.replace('"pve1"', '"\\u0070ve1"'),
    'blanks between tokens': (line) => line.replace('"pid":4242', '"pid": 4242'),
    'fields in another order': (line) => line.replace(/("user":"system"),("hostname":"pve1")/, '$2,$1'),
    'a height of another spelling': (line) => line.replace('"height":1,', '"height":1.0,'),
  };
  it.each(Object.entries(TWO_FACED))('is not taken with %s', async (_, forge) => {
    const forged = forge(blocks[0] ?? '');
    expect(forged).not.toBe(blocks[0]);
    expect(await examine([forged, ...blocks.slice(1)].join(''))).toMatchObject({
      firstBad: { line: 1, reason: 'form' },
    });
  });

  it('is none without one line of it', async () => {
    for (const content of ['', '\n\n', '{"block":{}}\n', 'x'.repeat(5_000_000), '['.repeat(100_000)])
      expect(await examine(content)).toMatchObject({ verdict: 'none' });
  });
});

describe('taking one over', () => {
  const OLD = blocks.join('');
  const SHA = createHash('sha256').update(OLD).digest('hex');

  /** As the command line does: a copy where the agent sees it, then the call. */
  async function withLedger(
    use: (place: { path: string; dir: string }, agent: Record<string, unknown>) => Promise<void>,
  ) {
    using place = scratch();
    const ledger = await open(place.path);
    await ledger.append({ category: 'port', action: 'x', data: null });
    const agent = {
      ImportLedger: async (...[sha256, file]: string[]) =>
        JSON.stringify(
          await takeOver(ledger as never, place.path, {
            sha256: sha256 ?? '',
            file: file ?? '',
            user: 'root',
            pid: 7,
          }),
        ),
    };
    try {
      await use(place, agent);
    } finally {
      await ledger.close();
    }
  }

  it('keeps the file, and records once what it is', () =>
    withLedger(async (place, agent) => {
      const old = join(place.dir, 'old.jsonl');
      writeFileSync(old, OLD);
      const first = await cli(['ledger', 'import', old], { agent, ledger: place.path });
      expect(first.err).toEqual([]);
      expect(first.out.join('\n')).toMatch(/^OK: .*old.jsonl: 5 lines of the older program, 5 hold/);
      expect(first.out.at(-1)).toBe(`Taken over: block #2, ledger.d/imported/${SHA}.jsonl`);
      const kept = join(place.dir, 'ledger.d/imported', `${SHA}.jsonl`);
      expect(readFileSync(kept, 'utf8')).toBe(OLD);
      expect(statSync(kept).mode & 0o777).toBe(0o400);
      const again = await cli(['ledger', 'import', old], { agent, ledger: place.path });
      expect(again).toMatchObject({ code: 0 });
      expect(again.out.at(-1)).toBe(
        `It had been taken over before: block #2, ledger.d/imported/${SHA}.jsonl`,
      );
      const all = [];
      for await (const block of readBlocks(place.path)) all.push(block);
      expect(all).toHaveLength(2);
      expect(blockProblem(all[1] as never)).toBeUndefined();
      expect(all[1]).toMatchObject({
        action: 'ledger_imported',
        user: 'root',
        pid: 7,
        data: { sha256: SHA, file: old, blocks: 5, records: 0, verdict: 'ok', first_bad: null, epoch: 0 },
      });
      expect(await verifyLedger(place.path)).toMatchObject({ verdict: 'ok' });
      const list = await cli(['ledger', 'imported'], { ledger: place.path });
      expect(list.out[0]).toBe('#2');
      const shown = await cli(['ledger', 'imported', SHA.slice(0, 8)], { ledger: place.path });
      expect(shown.out).toHaveLength(5);
      expect(shown.out[0]).toMatch(/#1 +interface_created +system +\{"bridge":"ovsbr0"/);
      expect(shown.out[1]).toContain('Gästé');
      chmodSync(kept, 0o600);
      writeFileSync(kept, OLD.replace('vi_web', 'vi_wet'));
      const changed = await cli(['ledger', 'imported', SHA], { ledger: place.path });
      expect(changed.code).toBe(1);
      expect(changed.err.join('')).toMatch(/is not what was taken over/);
      expect(changed.out[0]).toMatch(/^! .* <- hash$/);
    }));

  it('goes on where the power went between the copy and the block', () =>
    withLedger(async (place, agent) => {
      mkdirSync(join(place.dir, 'ledger.d/imported'), { recursive: true });
      writeFileSync(join(place.dir, 'ledger.d/imported', `${SHA}.jsonl`), OLD);
      const old = join(place.dir, 'old.jsonl');
      writeFileSync(old, OLD);
      expect(await cli(['ledger', 'import', old, '--json'], { agent, ledger: place.path })).toMatchObject({
        code: 0,
      });
      const told = [];
      for await (const one of imports(place.path)) told.push(one.height);
      expect(told).toEqual([2]);
      expect(existsSync(join(place.dir, 'ledger.d/imported', `${SHA}.part`))).toBe(false);
    }));

  it('takes a broken one as evidence, and says so', () =>
    withLedger(async (place, agent) => {
      const old = join(place.dir, 'old.jsonl');
      writeFileSync(old, OLD.replace('vi_web', 'vi_wet'));
      const checked = await cli(['ledger', 'import', '--check', old], { ledger: place.path });
      expect(checked).toMatchObject({ code: 1, calls: [] });
      expect(checked.out.join('\n')).toMatch(
        /^BROKEN: .* 4 hold[\s\S]*first fault: line 1, byte 0: hash: expected [0-9a-f]{64}/,
      );
      const taken = await cli(['ledger', 'import', old], { agent, ledger: place.path });
      expect(taken.code).toBe(0);
      expect(taken.out.at(-1)).toMatch(/^Taken over: block #2/);
    }));

  it('refuses what is none, and what is not what it is called', () =>
    withLedger(async (place) => {
      const ours = await cli(['ledger', 'import', '--check', place.path], { ledger: place.path });
      expect(ours).toMatchObject({ code: 1 });
      expect(ours.err.join('')).toMatch(/one of ovs-port-agent itself/);
      const ledger = { append: () => Promise.reject(new Error('nothing is to be recorded')) };
      const request = { sha256: SHA, file: 'x', user: 'root', pid: 1 };
      await expect(takeOver(ledger, place.path, request)).rejects.toMatchObject({ code: 'bad-argument' });
      mkdirSync(join(dirname(place.path), 'ledger.d/imported'), { recursive: true });
      writeFileSync(join(place.dir, 'ledger.d/imported', `${SHA}.part`), `${OLD} `);
      await expect(takeOver(ledger, place.path, request)).rejects.toMatchObject({ code: 'bad-argument' });
    }));
});
