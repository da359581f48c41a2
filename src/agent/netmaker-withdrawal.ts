// Takes all public addresses back from containers, by hand, for as long as the agent runs.

import type { Veths } from '../core/kernel/veth.ts';
import { GATEWAY_RETRY } from '../netmaker/gateway/public-network.ts';
import type { Gateway } from '../netmaker/gateway/spec.ts';
import { RULES_RETRY } from '../netmaker/port-security/refresh-rules.ts';
import type { DesiredState } from '../state/desired-state.ts';
import type { PendingRetries } from '../state/pending-retries.ts';
import { UPLINK_RETRY } from './netmaker-uplink.ts';

export interface WithdrawalTools {
  /** Brings the ports of one container to nothing. */
  takeAway: (key: string, reason: string) => Promise<void>;
  /** Resolves when nothing of any guest is under way. */
  idle: () => Promise<void>;
}

interface WithdrawalParts {
  desiredState: DesiredState;
  veths: Veths;
  pendingRetries: PendingRetries;
  gateway: Pick<Gateway, 'undo'>;
  responder: { close(): Promise<void> };
  onError: (error: unknown) => void;
}

export class Withdrawal {
  readonly #parts: WithdrawalParts;
  #isBegun = false;

  constructor(parts: WithdrawalParts) {
    this.#parts = parts;
  }

  /** Nobody gets a public address any more. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  async run({ takeAway, idle }: WithdrawalTools): Promise<void> {
    const { gateway, responder, pendingRetries } = this.#parts;
    this.#isBegun = true;
    await this.#takeAllAway(takeAway);
    // A container that was starting meanwhile may have got its address after all.
    await idle();
    await this.#takeAllAway(takeAway);
    await responder.close();
    // After what was under way: a trouble that nobody works on any more would be due for ever.
    await gateway.undo().finally(() => {
      for (const pendingRetry of [GATEWAY_RETRY, UPLINK_RETRY, RULES_RETRY])
        pendingRetries.clear(pendingRetry);
    });
  }

  async #takeAllAway(takeAway: WithdrawalTools['takeAway']): Promise<void> {
    const { desiredState, veths, pendingRetries, onError } = this.#parts;
    for (const { key, guest, ports: desiredPorts } of desiredState.all()) {
      const secured = desiredPorts.filter(({ portSecurity }) => portSecurity !== undefined);
      if (secured.length === 0) continue;
      for (const { veth } of secured) if (veth) await veths.release(veth).catch(onError);
      await takeAway(key, 'public addresses are taken back');
      pendingRetries.note({
        port: `container ${guest.name}`,
        bridge: '',
        code: 'addresses-withdrawn',
        reason: 'public addresses are taken back',
      });
      for (const { interface: link } of secured) await veths.remove(link).catch(onError);
    }
  }
}
