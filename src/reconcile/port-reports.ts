// What became of each port that was asked for or taken away, for people; what failed is among the troubles from here on.

import type { PortReport } from '../core/events/event-result.ts';
import type { AgentError } from '../core/lib/errors.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { Hold } from '../core/plan/plan.ts';
import { type Step, subjectOf } from '../core/plan/steps.ts';
import type { Troubles } from '../state/pending-retries.ts';
import { isRemoval } from './recorded-step.ts';

export function reportPorts(
  desired: readonly DesiredPort[],
  steps: readonly Step[],
  holds: readonly Hold[],
  failures: ReadonlyMap<string, AgentError>,
  wanted: ReadonlySet<string>,
  troubles: Troubles,
): PortReport[] {
  const reports: PortReport[] = desired.map((wish) => {
    const { port, bridge } = wish;
    const base = { port, interface: wish.interface, bridge };
    const hold = holds.find((entry) => entry.port === port);
    if (hold) return { ...base, state: 'held', reason: hold.reason, code: hold.code };
    const error = failures.get(port) ?? failures.get(bridge);
    if (error) {
      troubles.note({ port, bridge, code: error.code, reason: error.reason });
      return { ...base, state: 'failed', reason: error.reason, code: error.code };
    }
    troubles.clear(port);
    const touched = steps.some((step) => subjectOf(step) === port);
    return { ...base, state: touched ? 'attached' : 'unchanged' };
  });
  for (const step of steps) {
    if (!isRemoval(step) || wanted.has(step.port.port)) continue;
    const { port, bridge } = step.port;
    const error = failures.get(port);
    if (error) troubles.note({ port, bridge, code: error.code, reason: error.reason });
    else troubles.clear(port);
    reports.push({
      port,
      bridge,
      interface: step.port.interface,
      state: error ? 'failed' : 'detached',
      ...(error && { reason: error.reason, code: error.code }),
    });
  }
  return reports;
}
