// Devices that somebody attaches by hand, as the agent has them.

import { factsOf } from '../../core/guest/runtimes.ts';
import { linkNames } from '../../core/kernel/links.ts';
import type { RuntimeHost } from '../host.ts';
import type { Runtime } from '../runtime.ts';
import { manualSource } from './source.ts';

export function openManual({ config, desiredState }: RuntimeHost): Runtime<'manual'> {
  const source = manualSource({
    defaultBridge: config.default_bridge,
    desiredGuest: desiredState.get,
    desiredGuests: desiredState.all,
    linkNames,
  });
  return { name: 'manual', describe: factsOf('manual'), source };
}
