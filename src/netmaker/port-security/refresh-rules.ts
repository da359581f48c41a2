// Asks the switch which rules of ports it has, and has it asked again soon where it does not answer.

import { asAgentError } from '../../core/lib/errors.ts';
import type { Troubles } from '../../state/pending-retries.ts';
import type { Guards } from './secured-ports.ts';

/** Stands among the troubles where others have the name of their port. */
export const RULES_TROUBLE = 'rules';

export interface RulesLookParts {
  guards: Pick<Guards, 'refresh'>;
  bridges: ReadonlySet<string>;
  /** Whether any port should have rules. */
  isNeeded: boolean;
  troubles: Pick<Troubles, 'note' | 'clear'>;
  onError: (error: unknown) => void;
}

/** Does not throw. Rules that may be gone cannot wait for the timer: a trouble is looked at again a second later. */
export async function refreshRules(parts: RulesLookParts): Promise<void> {
  const { guards, bridges, isNeeded, troubles, onError } = parts;
  try {
    await guards.refresh(bridges);
    troubles.clear(RULES_TROUBLE);
  } catch (thrown) {
    onError(thrown);
    if (!isNeeded) return troubles.clear(RULES_TROUBLE);
    const { code, reason } = asAgentError(thrown, 'flows-refused', 'The rules of ports cannot be read');
    troubles.note({ port: RULES_TROUBLE, bridge: [...bridges].join(', '), code, reason });
  }
}
