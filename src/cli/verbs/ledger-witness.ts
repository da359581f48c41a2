// `ledger witness`: the group of verbs about who has seen this ledger, and whose ledgers this host has seen.

import type { AddVerb } from '../verb.ts';
import { addLedgerWitnessKey } from './ledger-witness-key.ts';
import { addLedgerWitnessPublish } from './ledger-witness-publish.ts';
import { addLedgerWitnessStatus } from './ledger-witness-status.ts';
import { addLedgerWitnessTrust } from './ledger-witness-trust.ts';

const VERBS: readonly AddVerb[] = [
  addLedgerWitnessStatus,
  addLedgerWitnessKey,
  addLedgerWitnessTrust,
  addLedgerWitnessPublish,
];

export const addLedgerWitness: AddVerb = (parent, context) => {
  const group = parent
    .command('witness')
    .description('who has seen this ledger, and whose this host has seen');
  for (const add of VERBS) add(group, context);
};
