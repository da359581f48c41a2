// Rules that may be gone are looked for again soon.

import { describe, expect, it } from 'vitest';
import { AgentError } from '../../../../src/core/lib/errors.ts';
import { RULES_RETRY, refreshRules } from '../../../../src/netmaker/port-security/refresh-rules.ts';
import { openPendingRetries } from '../../../../src/state/pending-retries.ts';

const bridges = new Set(['ovsbr1']);
const refused = new AgentError('flows-refused', 'Open vSwitch refused dump-flows on ovsbr1');
const refusing = { refresh: () => Promise.reject(refused) };
const answering = { refresh: async () => undefined };

describe('a switch that does not say which rules it has', () => {
  it('is asked again within a second, not at the next tick of the timer', async () => {
    const pendingRetries = openPendingRetries(() => 0);
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    await refreshRules({ securedPorts: refusing, bridges, isNeeded: true, pendingRetries, onError });
    expect(pendingRetries.all()).toMatchObject([
      { port: RULES_RETRY, bridge: 'ovsbr1', code: 'flows-refused', reason: refused.reason },
    ]);
    expect(pendingRetries.dueIn()).toBeLessThanOrEqual(1000);
    expect(errors).toEqual([refused]);
  });

  it('is no trouble any more once it has answered', async () => {
    const pendingRetries = openPendingRetries(() => 0);
    const look = { bridges, isNeeded: true, pendingRetries, onError: () => undefined };
    await refreshRules({ ...look, securedPorts: refusing });
    await refreshRules({ ...look, securedPorts: answering });
    expect(pendingRetries.all()).toEqual([]);
  });

  it('is no trouble on a host where no port has rules', async () => {
    const pendingRetries = openPendingRetries(() => 0);
    await refreshRules({
      securedPorts: refusing,
      bridges,
      isNeeded: false,
      pendingRetries,
      onError: () => undefined,
    });
    expect(pendingRetries.all()).toEqual([]);
  });
});
