// A child process for the tests: appends and signs without end, takes another key now and then, and prints what it was given.
import { writeSync } from 'node:fs';
import { openCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoints.ts';
import { openLedger } from '../../../../src/core/ledger/index.ts';

const [path = ''] = process.argv.slice(2);
const ledger = await openLedger({ path, hostname: 'pve1', bootId: 'boot-1', pid: process.pid, user: 'root' });
const say = (word: string, value: unknown) => writeSync(1, `${JSON.stringify([word, value])}\n`);

const checkpoints = openCheckpoints({
  ...{ ledger, path, hostname: 'pve1', machineId: 'a'.repeat(32), origin: 'ledger.example' },
  ...{ everySeconds: 3600, heartbeatSeconds: 3600, now: Date.now, mono: () => 1 },
  onError: (error) => say('error', String(error)),
  onEpoch: ({ why }) => say('epoch', why),
});
await checkpoints.started;
say('open', checkpoints.newest()?.note);

async function appendForever(side: number): Promise<void> {
  for (let n = 0; ; n++)
    await ledger
      .append({ category: 'port', action: 'port_attached', data: { side, n } })
      .catch(() => undefined);
}

async function signForever(): Promise<void> {
  for (let n = 1; ; n++) {
    try {
      if (n % 7 === 0) say('rotated', (await checkpoints.rotateKey()).key);
      else say('signed', (await checkpoints.sign())?.note);
    } catch (error) {
      say('failed', String(error));
    }
  }
}

await Promise.all([appendForever(1), appendForever(2), signForever()]);
