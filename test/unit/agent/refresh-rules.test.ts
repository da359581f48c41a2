// Rules that may be gone are looked for again soon.

import { describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/core/lib/errors.ts';
import { RULES_TROUBLE, refreshRules } from '../../../src/netmaker/port-security/refresh-rules.ts';
import { openTroubles } from '../../../src/state/pending-retries.ts';

const bridges = new Set(['ovsbr1']);
const refused = new AgentError('flows-refused', 'Open vSwitch refused dump-flows on ovsbr1');
const refusing = { refresh: () => Promise.reject(refused) };
const answering = { refresh: async () => undefined };

describe('a switch that does not say which rules it has', () => {
  it('is asked again within a second, not at the next tick of the timer', async () => {
    const troubles = openTroubles(() => 0);
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    await refreshRules({ guards: refusing, bridges, isNeeded: true, troubles, onError });
    expect(troubles.all()).toMatchObject([
      { port: RULES_TROUBLE, bridge: 'ovsbr1', code: 'flows-refused', reason: refused.reason },
    ]);
    expect(troubles.dueIn()).toBeLessThanOrEqual(1000);
    expect(errors).toEqual([refused]);
  });

  it('is no trouble any more once it has answered', async () => {
    const troubles = openTroubles(() => 0);
    const look = { bridges, isNeeded: true, troubles, onError: () => undefined };
    await refreshRules({ ...look, guards: refusing });
    await refreshRules({ ...look, guards: answering });
    expect(troubles.all()).toEqual([]);
  });

  it('is no trouble on a host where no port has rules', async () => {
    const troubles = openTroubles(() => 0);
    await refreshRules({ guards: refusing, bridges, isNeeded: false, troubles, onError: () => undefined });
    expect(troubles.all()).toEqual([]);
  });
});
