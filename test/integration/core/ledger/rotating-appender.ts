// A child process for the tests: appends to a ledger of tiny segments that are packed meanwhile, and prints each block that was
// acknowledged. Arguments: the ledger's path, how many blocks, then which bytes of segments are kept (0: all).
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ledger, openLedger } from '../../../../src/core/ledger/index.ts';
import { openUpkeep } from '../../../../src/core/ledger/upkeep.ts';

const [path = '', count = '', keep = '0'] = process.argv.slice(2);
const limits = { bytes: 3000, ageMs: 86_400_000 };
const origin = { hostname: 'pve1', bootId: 'boot-1', pid: process.pid, user: 'root' };
const ledger = await openLedger({ path, ...origin, limits });
const upkeep = openUpkeep({
  ...{ path, ledger: ledger as unknown as Ledger, compress: true, now: Date.now, pauseMs: 0 },
  keep: Number(keep) > 0 ? { bytes: Number(keep) } : {},
  provable: () => ledger.head().height,
  vanishing: () => undefined,
  onError: () => undefined,
});

async function appendOnce(n: number): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    const data = { n, filler: 'x'.repeat((n * 37) % 500) };
    const block = await ledger
      .append({ category: 'port', action: 'port_attached', data })
      .catch(() => undefined);
    if (block) return void writeSync(1, `${block.height} ${block.hash}\n`);
    await sleep(5);
  }
}

for (let n = 0; n < Number(count); n += 2) await Promise.all([appendOnce(n), appendOnce(n + 1)]);
await upkeep.run();
await upkeep.close();
await ledger.close();
