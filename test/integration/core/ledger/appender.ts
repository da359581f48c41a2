// A child process for the tests: appends from 16 sides without end, and prints each block that was acknowledged.
import { writeSync } from 'node:fs';
import { openLedger } from '../../../../src/core/ledger/index.ts';

const [path = ''] = process.argv.slice(2);
const ledger = await openLedger({ path, hostname: 'pve1', bootId: 'boot-1', pid: process.pid, user: 'root' });
writeSync(1, 'open\n');

async function appendForever(side: number): Promise<void> {
  for (let n = 0; ; n++) {
    const data = { side, n, filler: 'x'.repeat((n * 37) % 3000) };
    const { height, hash } = await ledger.append({ category: 'port', action: 'port_attached', data });
    writeSync(1, `${height} ${hash}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, (_, side) => appendForever(side)));
