// `netmaker`: the group of verbs about Netmaker containers.

import type { AddVerb } from '../verb.ts';
import { addNetmakerAttest } from './netmaker-attest.ts';

export const addNetmaker: AddVerb = (parent, context) => {
  const group = parent.command('netmaker').description('Netmaker containers: how they are seen from outside');
  for (const add of [addNetmakerAttest]) add(group, context);
};
