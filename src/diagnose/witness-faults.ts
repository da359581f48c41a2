// What is wrong with the witnesses of this ledger: one refuses it, or none has cosigned it for a while. Pure.

import type { WitnessState } from '../witness/client/witness-state.ts';

export interface WitnessView {
  states: readonly WitnessState[];
  /** What is wrong with the ledgers of other nodes of the cluster. */
  peers?: readonly { readonly node: string; readonly text: string }[];
  /** Seconds between two checkpoints of an idle ledger: what a witness that is well has always seen lately. */
  everySeconds: number;
}

export interface WitnessFault {
  fault: 'witness-refuses' | 'witness-silent' | 'node-ledger';
  text: string;
  remedy: string;
  degraded: boolean;
}

/** So many checkpoints may fail to reach a witness before it is told of: it may be restarted, or the line be down for a moment. */
const MISSED = 3;

const LOOK = 'ovs-port-agent ledger witness status';
const REFUSED = {
  ahead: 'Was this host or its disk restored? What the witness has seen is gone here: keep what there is',
  forked: `Was this host or its disk restored, or the ledger written anew? Keep it, and ask the witness for what it has seen: ${LOOK}`,
  refused: `Give the witness's operator this ledger's key (ovs-port-agent ledger key), or correct [[ledger.witnesses]]: ${LOOK}`,
} as const;

/** @param now milliseconds of the epoch */
export function witnessFaults(
  { states, peers = [], everySeconds }: WitnessView,
  now: number,
): WitnessFault[] {
  return [...ownFaults({ states, everySeconds }, now), ...peers.map(peerFault)];
}

function peerFault({ node, text }: { node: string; text: string }): WitnessFault {
  return {
    fault: 'node-ledger',
    text: `the ledger of the node ${node}: ${text}`,
    remedy: `Look at that node's own status. If it was installed anew, or its key changed: ovs-port-agent ledger witness trust ${node}`,
    degraded: false,
  };
}

function ownFaults({ states, everySeconds }: WitnessView, now: number): WitnessFault[] {
  if (states.length === 0) return [];
  const refusing = states.flatMap((state): WitnessFault[] => {
    const { problem, name } = state;
    if (problem === null || problem.kind === 'silent') return [];
    const text = `the witness ${name} does not cosign this ledger: ${problem.text}`;
    return [{ fault: 'witness-refuses', text, remedy: REFUSED[problem.kind], degraded: false }];
  });
  const silentMs = MISSED * everySeconds * 1000;
  const silent = states.filter((state) => now - lastSign(state, now) > silentMs);
  const unheard = silent.filter(({ problem }) => problem === null || problem.kind === 'silent');
  if (silent.length === states.length) {
    const names = states.map(({ name }) => name).join(', ');
    const text = `no witness has cosigned this ledger since ${sinceText(states)} (${names})`;
    return [...refusing, { fault: 'witness-silent', text, remedy: LOOK, degraded: false }];
  }
  return [
    ...refusing,
    ...unheard.map((state): WitnessFault => {
      const why = state.problem === null ? '' : `: ${state.problem.text}`;
      const text = `the witness ${state.name} has not cosigned this ledger since ${sinceText([state])}${why}`;
      return { fault: 'witness-silent', text, remedy: LOOK, degraded: true };
    }),
  ];
}

/** When it was last known to be well: one that was just added has its time, too. */
function lastSign({ cosigned_at: cosigned, first_asked_at: asked }: WitnessState, now: number): number {
  const times = [cosigned, asked].flatMap((text) => (text === null ? [] : [Date.parse(text)]));
  return times.length === 0 ? now : Math.max(...times);
}

function sinceText(states: readonly WitnessState[]): string {
  const cosigned = states.flatMap(({ cosigned_at: at }) => at ?? []).sort();
  const asked = states.flatMap(({ first_asked_at: at }) => at ?? []).sort();
  return cosigned.at(-1) ?? `${asked[0] ?? 'ever'}, when it was first asked`;
}
