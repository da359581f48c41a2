// The ledger as `doctor` sees it: its chain, and which version of the agent wrote last.

import { stat } from 'node:fs/promises';
import { verifyEvidence } from '../../core/ledger/checkpoint/verify-evidence.ts';
import { AGENT_STARTED, readRememberedHead } from '../../core/ledger/index.ts';
import { queryBack } from '../../core/ledger/query/query-back.ts';
import { wantActions } from '../../core/ledger/query/wants.ts';
import { type Answer, attempt } from '../../core/lib/answer.ts';
import { objectOf, textOf } from '../../core/lib/json-value.ts';
import type { LedgerFacts } from '../../diagnose/doctor/facts.ts';
import { verifyProgress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

/** A million blocks take some two seconds. */
const VERIFY_MS = 300_000;
const VERSION_MS = 4000;

/** Undefined when there is no ledger yet. `headFile`: where the agent remembers the last block that it wrote. */
export async function verifyChain(
  path: string,
  headFile: string,
  terminal: Terminal,
): Promise<Answer<LedgerFacts> | undefined> {
  const size = await stat(path).then(
    (found) => found.size,
    (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? undefined : 0),
  );
  const remembered = await readRememberedHead(headFile, path);
  if (size === undefined && remembered !== undefined) {
    const reason = `${path} is gone: block ${remembered.height}, the last one known, is in no file there`;
    return { ok: false, reason };
  }
  if (size === undefined) return undefined;
  const meter = verifyProgress(terminal, size, false);
  const abort = new AbortController();
  return attempt(path, VERIFY_MS, async () => {
    const result = await verifyEvidence(path, {
      mode: 'fast',
      onLine: meter.onLine,
      signal: abort.signal,
      now: Date.now,
      known: remembered ? [{ size: remembered.height, hash: remembered.hash, from: 'the agent' }] : [],
    });
    return { path, result };
  }).finally(() => {
    abort.abort();
    meter.end();
  });
}

/** The version in the last block that an agent wrote at its start. */
export async function versionOfLastStart(path: string): Promise<string | undefined> {
  const found = await attempt(path, VERSION_MS, async () => {
    const until = performance.now() + VERSION_MS;
    const isEnough = () => performance.now() > until;
    const [started] = await queryBack(path, wantActions([AGENT_STARTED]), 1, { mayBlock: true, isEnough });
    return started && textOf(objectOf(started.data), 'version');
  });
  return found.ok ? found.value : undefined;
}
