// Flows, meters and flooding of a bridge, as `ovs-ofctl` reads and changes them.

import { AgentError } from '../../core/lib/errors.ts';
import type { Exec } from '../../core/lib/exec.ts';
import {
  type DumpedFlow,
  parseFlows,
  parseUnfloodedPorts,
  type ReadPortSecurity,
  securityByVmidOf,
} from './installed.ts';
import { type Meter, meterText, parseMeterIds } from './meters.ts';
import { OUR_COOKIES } from './pipeline.ts';

/** What is on the bridge while one change is made. */
interface ObservedRules {
  flows: DumpedFlow[];
  securityByVmid: Map<number, ReadPortSecurity>;
}

/** What the last look at a bridge and our own changes since say. */
export interface Remembered {
  securityByVmid: Map<number, Pick<ReadPortSecurity, 'ofport' | 'isolate'>>;
  meters: Set<number>;
}

export type OpenFlow = ReturnType<typeof openOpenFlow>;

/** All throw `flows-refused`. */
export function openOpenFlow(exec: Exec) {
  const ofctl = async (args: readonly string[], input?: string) => {
    try {
      return await exec('ovs-ofctl', args, input === undefined ? {} : { input });
    } catch (error) {
      const [, , verb = '', bridge = ''] = args.filter((argument) => argument !== '--bundle');
      throw new AgentError('flows-refused', `Open vSwitch refused ${verb} on ${bridge}`, { cause: error });
    }
  };
  const of14 = (...args: string[]) => ofctl(['-O', 'OpenFlow14', ...args]);
  const dump = async (bridge: string): Promise<ObservedRules> => {
    const text = await of14('dump-flows', bridge, '--no-names', `cookie=${OUR_COOKIES}`);
    const flows = parseFlows(text);
    return { flows, securityByVmid: securityByVmidOf(flows) };
  };
  const bundle = (bridge: string, lines: readonly string[]) =>
    ofctl(['-O', 'OpenFlow14', '--bundle', 'add-flows', bridge, '-'], `${lines.join('\n')}\n`);

  const meterIds = async (bridge: string) => new Set(parseMeterIds(await of14('dump-meters', bridge)));
  const setMeters = async (bridge: string, meters: readonly Meter[], seen: Remembered) => {
    for (const meter of meters) {
      await of14(seen.meters.has(meter.id) ? 'mod-meter' : 'add-meter', bridge, meterText(meter));
      seen.meters.add(meter.id);
    }
  };
  /** Deleting a meter deletes the flows that name it, so this comes after the flows. */
  const dropMeters = async (bridge: string, ids: readonly number[], seen: Remembered) => {
    for (const id of ids.filter((id) => seen.meters.has(id))) {
      await of14('del-meter', bridge, `meter=${id}`);
      seen.meters.delete(id);
    }
  };
  /** Whether NORMAL floods to the port: only OpenFlow 1.0 has the setting. */
  const setFlood = (bridge: string, ofport: number, flood: boolean) =>
    ofctl(['-O', 'OpenFlow10', 'mod-port', bridge, String(ofport), flood ? 'flood' : 'no-flood']);
  const unflooded = async (bridge: string) =>
    parseUnfloodedPorts(await ofctl(['-O', 'OpenFlow10', 'dump-ports-desc', bridge]));
  /** @param lines `packet-out`, each with its end of line */
  const send = (bridge: string, lines: readonly string[]) =>
    ofctl(['-O', 'OpenFlow14', 'bundle', bridge, '-'], lines.join(''));
  return { dump, bundle, meterIds, setMeters, dropMeters, setFlood, unflooded, send };
}
