// A child process for the tests: thins the checkpoints of a ledger once, whatever comes of it. Argument: the ledger's path.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { evidencePaths } from '../../../../src/core/ledger/checkpoint/places.ts';
import { thinCheckpoints } from '../../../../src/core/ledger/checkpoint/thin.ts';
import { openLedger } from '../../../../src/core/ledger/index.ts';
import { ledgerPaths } from '../../../../src/core/ledger/paths.ts';
import { openTree } from '../../../../src/core/ledger/tree/tree-file.ts';

const [path = ''] = process.argv.slice(2);
const ledger = await openLedger({ path, hostname: 'pve1', bootId: 'boot-1', pid: process.pid, user: 'root' });
const paths = evidencePaths(ledgerPaths(path).side);
const tree = await openTree(join(paths.side, 'tree'), Number.POSITIVE_INFINITY);
const done = thinCheckpoints({
  ...{
    path,
    paths,
    tree,
    ledger,
    inTurn: (work) => work(),
    signal: new AbortController().signal,
    believed: Date.now(),
    pauseMs: 0,
  },
  limits: { newest: 5, least: 1 },
});
writeSync(
  1,
  await done.then(
    (dropped) => `${dropped} dropped`,
    (error: unknown) => `failed: ${error}`,
  ),
);
await tree.close();
await ledger.close();
