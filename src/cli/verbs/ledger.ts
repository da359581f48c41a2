// `ledger`: the group of verbs that read the ledger file.

import type { AddVerb } from '../verb.ts';
import { addLedgerAt } from './ledger-at.ts';
import { addLedgerCheckProof } from './ledger-check-proof.ts';
import { addLedgerCheckpoint } from './ledger-checkpoint.ts';
import { addLedgerConsistency } from './ledger-consistency.ts';
import { addLedgerExport } from './ledger-export.ts';
import { addLedgerImport } from './ledger-import.ts';
import { addLedgerImported } from './ledger-imported.ts';
import { addLedgerIndex } from './ledger-index.ts';
import { addLedgerKey } from './ledger-key.ts';
import { addLedgerProve } from './ledger-prove.ts';
import { addLedgerReport } from './ledger-report.ts';
import { addLedgerRotateKey } from './ledger-rotate-key.ts';
import { addLedgerShow } from './ledger-show.ts';
import { addLedgerStats } from './ledger-stats.ts';
import { addLedgerTail } from './ledger-tail.ts';
import { addLedgerTrace } from './ledger-trace.ts';
import { addLedgerVerify } from './ledger-verify.ts';
import { addLedgerWitness } from './ledger-witness.ts';

const VERBS: readonly AddVerb[] = [
  addLedgerVerify,
  addLedgerShow,
  addLedgerTail,
  addLedgerStats,
  addLedgerCheckpoint,
  addLedgerKey,
  addLedgerRotateKey,
  addLedgerProve,
  addLedgerCheckProof,
  addLedgerConsistency,
  addLedgerIndex,
  addLedgerTrace,
  addLedgerAt,
  addLedgerImport,
  addLedgerImported,
  addLedgerExport,
  addLedgerReport,
  addLedgerWitness,
];

export const addLedger: AddVerb = (parent, context) => {
  const group = parent.command('ledger').description('verify, read and prove the ledger');
  for (const add of VERBS) add(group, context);
};
