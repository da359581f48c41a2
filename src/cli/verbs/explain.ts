// `explain`: all that is known of one port, and what is wrong with it.

import { join } from 'node:path';
import type { GuestRow } from '../../api/answers/guests.ts';
import { type PortIdentity, parsePortName } from '../../core/guest/vmid.ts';
import { AgentError, isAgentError } from '../../core/lib/errors.ts';
import { faultsOf } from '../../diagnose/explain/faults.ts';
import { isKnown } from '../../diagnose/explain/join.ts';
import { portsMeant } from '../../diagnose/explain/target.ts';
import { askGuests } from '../ask-guests.ts';
import { lxcWithoutPort } from '../inspect/without-port.ts';
import { printable, safeJson } from '../printable.ts';
import { explanationJson, explanationLines } from '../render/explanation.ts';
import { isGuest } from '../render/guests.ts';
import { type AddVerb, ending, examples } from '../verb.ts';
import { readVmidState } from '../vmid-files.ts';

export const addExplain: AddVerb = (parent, context) => {
  const { terminal, inspect, stateDir } = context;
  parent
    .command('explain')
    .description('show all that is known of a port, and name what is wrong with it')
    .argument('<port>', 'a port (vi101), a VMID, a network device, or a guest by its name')
    .option('--json', 'print one JSON document: a list, one entry for each card of the guest')
    .addHelpText(
      'after',
      `${examples(['explain vi101', 'explain 101', 'explain tap101i1', 'explain netmaker-server'])}

Nothing is changed, and nothing has to be running.
Exit code: 0 the port is right, 1 a fault was found or there is no such port.`,
    )
    .action(
      ending(context, async (requested: string, { json }: { json?: boolean }) => {
        const host = await inspect.host();
        const state = await readVmidState(join(stateDir, 'vmids.json'));
        const listed = async () =>
          host.agent.ok ? (await askGuests(context)).filter((row) => isGuest(row, requested)) : [];
        let meant: PortIdentity[];
        try {
          meant = portsMeant(requested, host, state);
        } catch (error) {
          if (!isAgentError(error, 'port-unknown')) throw error;
          const rows = await listed();
          if (rows.length === 0) throw (await lxcWithoutPort(host, requested)) ?? error;
          const nics = rows.flatMap(({ port }) => (port === null ? [] : (parsePortName(port) ?? [])));
          if (nics.length === 0) {
            for (const line of json ? [safeJson(rows, 2)] : rows.flatMap(withoutPort)) terminal.out(line);
            return rows.every((row) => row.state === 'unattached') ? 0 : 1;
          }
          meant = nics;
        }
        const found = await Promise.all(meant.map((port) => inspect.port(port, host)));
        if (!found.some(({ facts }) => isKnown(facts)) && host.ovsdb.ok) {
          const none = new AgentError('port-unknown', `There is no port or guest ${requested}`);
          throw (await lxcWithoutPort(host, requested)) ?? none;
        }
        const lines = json
          ? [safeJson(found.map(explanationJson), 2)]
          : found.flatMap((one, at) => [...(at > 0 ? [''] : []), ...explanationLines(one, terminal.now())]);
        for (const line of lines) terminal.out(line);
        return found.some(({ facts }) => faultsOf(facts).length > 0) ? 1 : 0;
      }),
    );
};

/** A guest that the agent knows and that has no port, nor a number. */
function withoutPort({ guest, runtime, reason, state }: GuestRow): string[] {
  return [`${guest} (${runtime}) has no port: ${reason ?? 'no reason is known'}`, `  state  ${state}`].map(
    printable,
  );
}
