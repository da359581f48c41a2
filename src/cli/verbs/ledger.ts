// `ledger`: the group of verbs that read the ledger file.

import type { AddVerb } from '../verb.ts';
import { addLedgerShow } from './ledger-show.ts';
import { addLedgerStats } from './ledger-stats.ts';
import { addLedgerTail } from './ledger-tail.ts';
import { addLedgerVerify } from './ledger-verify.ts';

export const addLedger: AddVerb = (parent, context) => {
  const group = parent.command('ledger').description('verify and read the ledger; needs no running agent');
  for (const add of [addLedgerVerify, addLedgerShow, addLedgerTail, addLedgerStats]) add(group, context);
};
