// What the choice of a driver depends on, kept at hand: an attach must not wait for NetworkManager to be asked.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isInstalled, presenceOf } from '../core/drivers/networkmanager/presence.ts';
import { isAgentError } from '../core/lib/errors.ts';
import { namesIn } from '../core/lib/names-in.ts';
import {
  type NetworkManager,
  type NetworkManagerState,
  NO_NETWORKMANAGER,
} from '../core/networkmanager/networkmanager.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { SwitchFacts } from '../core/plan/driver-choice.ts';
import { splitLines } from '../ifupdown/lines.ts';
import { parseStanzas } from '../ifupdown/stanzas.ts';

export interface SwitchFactsKeeper {
  current(): SwitchFacts;
  /** Asks NetworkManager and reads the files anew. Returns what NetworkManager said. */
  refresh(): Promise<NetworkManagerState>;
}

export interface SwitchFactsParts {
  configured: SwitchFacts['configured'];
  networkManager: Pick<NetworkManager, 'state' | 'onPresence'>;
  /** For an agent that works on the switch. */
  ovsdb?: Pick<OvsdbClient, 'problem'>;
  /** Roots of the files that are looked at; `/` outside tests. */
  root?: string;
}

/** Follows NetworkManager's presence on the bus; `refresh` before the first use. */
export function keepSwitchFacts({
  configured,
  networkManager,
  ovsdb,
  root = '/',
}: SwitchFactsParts): SwitchFactsKeeper {
  let state = NO_NETWORKMANAGER;
  let declared: ReadonlySet<string> = new Set();
  let installed = false;

  const refresh = async () => {
    declared = declaredBridges(root);
    installed = isInstalled(root);
    state = await networkManager.state().catch((error: unknown) => {
      if (isAgentError(error)) return NO_NETWORKMANAGER;
      throw error;
    });
    return state;
  };
  networkManager.onPresence((present) => {
    if (!present) state = NO_NETWORKMANAGER;
  });

  return {
    current() {
      const problem = ovsdb?.problem;
      return {
        configured,
        presence: { networkmanager: presenceOf(state, installed) },
        declared,
        ...(problem && { unreachable: { code: problem.code, reason: problem.reason } }),
      };
    },
    refresh,
  };
}

/** Of a kernel's network device. */
const NAME_MAX = 15;

/** Names with a stanza `iface` (interfaces(5)); of the files it includes, those of Debian's default line. */
function declaredBridges(root: string): Set<string> {
  const network = join(root, 'etc/network');
  const parts = join(network, 'interfaces.d');
  const files = [join(network, 'interfaces'), ...namesIn(parts).map((name) => join(parts, name))];
  const names = files.flatMap((file) => parseStanzas(splitLines(read(file))).map(({ name }) => name));
  return new Set(names.filter((name) => name.length <= NAME_MAX));
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
