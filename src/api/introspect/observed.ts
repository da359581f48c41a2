// What one look at the host found; the answers are made from it alone.

import type { OvsBridge } from '../../core/drivers/ovsdb/bridge-tree.ts';
import type { OperState } from '../../core/kernel/links.ts';
import type { DefaultRoute } from '../../core/kernel/routes.ts';
import type { NetworkManagerOverview } from '../../core/networkmanager/overview.ts';
import type { HealthFault } from '../../diagnose/health.ts';
import type { Binding } from '../../state/desired-state.ts';

export interface ObservedSwitch {
  /** What the one judgement of health finds (`src/diagnose/health.ts`): of bridges and ports it has the first word. */
  judged: readonly HealthFault[];
  version: string | undefined;
  bridges: readonly OvsBridge[];
  /** Devices of the host that rows name; one that is not here is not there. */
  links: ReadonlyMap<string, OperState>;
  /** The ports of guests that are usable by what the agent noted. */
  bindings: readonly Binding[];
}

/** What the judgement says of the whole switch, else of that bridge or port; undefined: nothing is wrong with it. */
export function judgedText(
  { judged }: Pick<ObservedSwitch, 'judged'>,
  subject: 'bridge' | 'port',
  name: string,
): string | undefined {
  const found =
    judged.find(({ fault }) => fault === 'vswitchd-unreachable' || fault === 'ovsdb-unreachable') ??
    judged.find((fault) => fault.subject === subject && fault.name === name);
  return found?.text;
}

export interface ObservedHost {
  now: Date;
  /** Undefined when it is not on the bus. */
  networkManager: NetworkManagerOverview | undefined;
  /** Undefined while OVSDB is not connected: then nothing is known of bridges. */
  switch: ObservedSwitch | undefined;
  bindings: readonly Binding[];
  /** Undefined when the kernel could not be asked. */
  routes: readonly DefaultRoute[] | undefined;
  /** The device of the first route. */
  uplink: OperState | undefined;
  /** Directory of the binding files. */
  bindingsDir: string;
}
