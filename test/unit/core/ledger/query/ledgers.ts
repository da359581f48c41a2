// Ledgers for tests: written as the agent writes them, over as many files as wanted, without its waits for a disk.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { NO_HASH } from '../../../../../src/core/ledger/block.ts';
import { type Entry, makeDraft } from '../../../../../src/core/ledger/draft.ts';
import { blockText, formatLine } from '../../../../../src/core/ledger/line.ts';

export type Timed = Entry & { at?: number };

export const START = Date.UTC(2026, 10, 23, 8, 0);

const origin = { hostname: 'pve1', bootId: 'boot-1', pid: 812, user: 'root' };

/** The lines of a chain. Without `at` a block is a second later than the one before. */
export function linesOf(entries: readonly Timed[]): string[] {
  let prev = NO_HASH;
  return entries.map(({ at, ...entry }, index) => {
    const draft = makeDraft(entry, origin, index, at ?? START + 1000 * index);
    const { line, hash } = formatLine(blockText(draft, index + 1, prev));
    prev = hash;
    return line;
  });
}

export type Place = { dir: string; path: string; [Symbol.dispose](): void };

/** `cuts`: before which lines a new file begins; the last file is the active one. */
export function placeLedger(lines: readonly string[], cuts: readonly number[] = []): Place {
  const dir = mkdtempSync(join(tmpdir(), 'opa-query-'));
  const path = join(dir, 'ledger.jsonl');
  const bounds = [0, ...new Set(cuts.filter((cut) => cut > 0 && cut < lines.length))].sort((a, b) => a - b);
  if (bounds.length > 1) mkdirSync(join(dir, 'ledger.d', 'segments'), { recursive: true });
  for (const [at, from] of bounds.entries()) {
    const to = bounds[at + 1];
    const name = `${String(from + 1).padStart(20, '0')}.jsonl`;
    const file = to === undefined ? path : join(dir, 'ledger.d', 'segments', name);
    writeFileSync(file, lines.slice(from, to).join(''));
  }
  return { dir, path, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

/** All files of the index, by name. */
export function indexBytes({ dir }: Place): Record<string, string> {
  const index = join(dir, 'ledger.d', 'index');
  return Object.fromEntries(
    readdirSync(index)
      .sort()
      .map((name) => [name, readFileSync(join(index, name), 'hex')]),
  );
}

const GUESTS = ['web', 'db', '101', 'abababababab', 'Gästé "1"\n', '=cmd()', '"kind":"x"'];
const VMIDS = [100, 101, 102, 1_000_000];

const port = fc.oneof(
  fc.record({
    vmid: fc.constantFrom(...VMIDS),
    port: fc.constantFrom('vi100', 'vi101', 'vi101i1', 'vi1010', 'odd'),
    guest: fc.constantFrom(...GUESTS),
    ms: fc.integer(),
  }),
  fc.record({ port: fc.constantFrom('vi100', 'vi101i2', 'vi1000000'), bridge: fc.constant('ovsbr0') }),
  fc.record({ ports: fc.array(fc.record({ port: fc.constantFrom('vi100', 'vi101'), row: fc.string() })) }),
  fc.record({
    name: fc.constantFrom(...GUESTS),
    container_id: fc.constantFrom('ab'.repeat(32), 'cd'.repeat(32)),
  }),
  fc.record({
    guests: fc.array(fc.record({ vmid: fc.constantFrom(...VMIDS), name: fc.constantFrom(...GUESTS) })),
  }),
  fc.record({
    vmid: fc.constantFrom('101', 5, null),
    name: fc.constantFrom(101, 'web'),
    user: fc.constantFrom('eve', 7),
    by: fc.constantFrom({ uid: 7, sudo_user: 'eve' }, 'eve', null, { process: 'nobody' }),
  }),
  fc.constantFrom(null, 7, 'text', [1], { deep: [{ port: 'vi100' }] }, { port: 101, guest: 1.5, é: true }),
);

/** Entries in which the same few guests, ports and people come again and again. */
export const entries = (maxLength = 60): fc.Arbitrary<Timed[]> =>
  fc
    .array(
      fc.record({
        category: fc.constantFrom('port' as const, 'lifecycle' as const, 'config' as const),
        action: fc.constantFrom('port_attach', 'port_attached', 'guest_start', 'guest.x'),
        data: port,
        user: fc.constantFrom('root', 'eve', 'Gästé'),
        pid: fc.constantFrom(1, 812),
        back: fc.integer({ min: 0, max: 5 }),
        // Clocks jump, back too.
        skew: fc.constantFrom(0, 0, 0, -60_000, 3_600_000),
      }),
      // Of all lengths: by itself fast-check makes short ones.
      { maxLength, size: 'max' },
    )
    .map((drafts) =>
      drafts.map(({ back, skew, data, ...entry }, index) => ({
        ...entry,
        data: JSON.parse(JSON.stringify(data)) as Entry['data'],
        cause: back > 0 && back <= index ? index + 1 - back : null,
        at: START + 1000 * index + skew,
      })),
    );
