// `config`: the group of verbs about the configuration file.

import type { AddVerb } from '../verb.ts';
import { addConfigCheck } from './config-check.ts';
import { addConfigReload } from './config-reload.ts';
import { addConfigShow } from './config-show.ts';

export const addConfig: AddVerb = (parent, context) => {
  const group = parent.command('config').description('check, show and reload the configuration');
  for (const add of [addConfigCheck, addConfigShow, addConfigReload]) add(group, context);
};
