// Asks the switch which rules of ports it has, and has it asked again soon where it does not answer.

import { asAgentError } from '../../core/lib/errors.ts';
import type { PendingRetries } from '../../state/pending-retries.ts';
import type { SecuredPorts } from './secured-ports.ts';

/** Stands among the pending retries where others have the name of their port. */
export const RULES_RETRY = 'rules';

export interface RefreshRulesParts {
  securedPorts: Pick<SecuredPorts, 'refresh'>;
  bridges: ReadonlySet<string>;
  /** Whether any port should have rules. */
  isNeeded: boolean;
  pendingRetries: Pick<PendingRetries, 'note' | 'clear'>;
  onError: (error: unknown) => void;
}

/** Does not throw. Rules that may be gone cannot wait for the timer: a trouble is looked at again a second later. */
export async function refreshRules(parts: RefreshRulesParts): Promise<void> {
  const { securedPorts, bridges, isNeeded, pendingRetries, onError } = parts;
  try {
    await securedPorts.refresh(bridges);
    pendingRetries.clear(RULES_RETRY);
  } catch (thrown) {
    onError(thrown);
    if (!isNeeded) return pendingRetries.clear(RULES_RETRY);
    const { code, reason } = asAgentError(thrown, 'flows-refused', 'The rules of ports cannot be read');
    pendingRetries.note({ port: RULES_RETRY, bridge: [...bridges].join(', '), code, reason });
  }
}
