// `netmaker`: the group of verbs about Netmaker containers.

import type { AddVerb } from '../verb.ts';
import { addNetmakerAttest } from './netmaker-attest.ts';
import { addNetmakerLeases } from './netmaker-leases.ts';

const VERBS: readonly AddVerb[] = [addNetmakerAttest, addNetmakerLeases];

export const addNetmaker: AddVerb = (parent, context) => {
  const group = parent
    .command('netmaker')
    .description('Netmaker containers: how they are seen from outside, who has which address');
  for (const add of VERBS) add(group, context);
};
