// When an agent did not run, died, or was silent, and what could not be recorded: gathered while blocks go by, in order.
import { objectOf, textOf } from '../../lib/json-value.ts';
import type { HashedBlock } from '../block.ts';
import type { Gap } from './report.ts';

export function gathersGaps() {
  const gaps: Gap[] = [];
  let last: HashedBlock | undefined;
  let isStopped = false;
  let beat: { at: string; everyMs: number; monoMs: number } | undefined;

  return {
    gaps,
    take(block: HashedBlock): void {
      const { action, timestamp: to, height } = block;
      const data = objectOf(block.data);
      const add = (from: string, reason: string) => gaps.push({ from, to, height, reason });
      if (action === 'agent_started' && last !== undefined)
        add(last.timestamp, isStopped ? 'the agent was stopped' : 'the agent ended without saying so');
      if (last !== undefined && to < last.timestamp) add(last.timestamp, 'the clock went back');
      if (action === 'ledger_heartbeat') {
        const everyMs = 1000 * Number(textOf(data, 'every_s'));
        const monoMs = 1000 * Number(textOf(data, 'mono_s'));
        if (beat) {
          // The clock may have been set between them; the other clock stands still while the host sleeps.
          const [said, ran] = [Date.parse(to) - Date.parse(beat.at), monoMs - beat.monoMs];
          if (ran > 2 * beat.everyMs) add(beat.at, 'no heartbeat');
          else if (said - ran > 2 * beat.everyMs) add(beat.at, 'the clock went forward, or the host slept');
        }
        beat = { at: to, everyMs, monoMs };
      }
      if (action === 'ledger_gap')
        add(textOf(data, 'since') ?? to, `the ledger could not be written: ${textOf(data, 'error') ?? '-'}`);
      if (action === 'events_lost' || action === 'events_left_out')
        add(textOf(data, 'since') ?? to, `${textOf(data, 'count') ?? 'some'} events were not recorded`);
      if (action === 'agent_started') beat = undefined;
      isStopped = action === 'agent_stopped';
      last = block;
    },
  };
}
