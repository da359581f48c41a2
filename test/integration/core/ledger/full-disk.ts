// A child process for the tests: fills the small file system that its ledger is on, makes room again, and prints what became of it.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type HashedBlock,
  type Ledger,
  openLedger,
  readBlocks,
  verifyLedger,
} from '../../../../src/core/ledger/index.ts';
import { openUpkeep } from '../../../../src/core/ledger/upkeep.ts';

const [dir = ''] = process.argv.slice(2);
const path = join(dir, 'ledger.jsonl');
const filler = join(dir, 'filler');
const origin = { hostname: 'pve1', bootId: 'boot-1', pid: process.pid, user: 'root' };
writeFileSync(filler, Buffer.alloc(200_000));
const told: HashedBlock[] = [];
const onAppend = (block: HashedBlock) => void told.push(block);
const ledger = await openLedger({ path, ...origin, limits: { bytes: 60_000, ageMs: 86_400_000 }, onAppend });
const upkeep = openUpkeep({
  ...{ path, ledger: ledger as unknown as Ledger, compress: true, now: Date.now, pauseMs: 0, keep: {} },
  provable: () => 0,
  vanishing: () => undefined,
  onError: () => undefined,
});
const append = (n: number) =>
  ledger.append({ category: 'port', action: 'port_attached', data: { n, filler: randomText(3000) } });
// What gzip makes small would never fill the disk.
const randomText = (length: number) => Array.from({ length }, () => Math.random().toString(36)[2]).join('');

const acknowledged: HashedBlock[] = [];
const codes = new Set<string>();
let failed = 0;
for (let n = 0; failed < 5 && n < 1000; n++) {
  await append(n).then(
    (block) => acknowledged.push(block),
    (error: { code: string }) => {
      failed += 1;
      codes.add(error.code);
    },
  );
}
const lost = ledger.lost() ?? null;
rmSync(filler);
while (!told.some(({ action }) => action === 'ledger_gap')) await sleep(20);
acknowledged.push(await append(1000));
await upkeep.run();
await upkeep.close();
await ledger.close();
const hashes = new Set<string>();
for await (const { hash } of readBlocks(path)) hashes.add(hash);
const missing = acknowledged.filter(({ hash }) => !hashes.has(hash)).length;
const { verdict } = await verifyLedger(path);
const gaps = told.filter(({ action }) => action === 'ledger_gap').map(({ data }) => data);
process.stdout.write(
  JSON.stringify({
    failed,
    codes: [...codes],
    lost,
    gaps,
    missing,
    verdict,
    acknowledged: acknowledged.length,
  }),
);
