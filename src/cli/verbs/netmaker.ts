// `netmaker`: the group of verbs about Netmaker containers.

import type { AddVerb } from '../verb.ts';
import { addNetmakerAttest } from './netmaker-attest.ts';
import { addNetmakerLeases } from './netmaker-leases.ts';
import { addNetmakerList } from './netmaker-list.ts';
import { addNetmakerWithdraw } from './netmaker-withdraw.ts';

const VERBS: readonly AddVerb[] = [
  addNetmakerList,
  addNetmakerAttest,
  addNetmakerLeases,
  addNetmakerWithdraw,
];

export const addNetmaker: AddVerb = (parent, context) => {
  const group = parent
    .command('netmaker')
    .description('Netmaker containers: what they have, how they are seen from outside');
  for (const add of VERBS) add(group, context);
};
