// What became of each port that was asked for or taken away, for people; what failed is among the pending retries from here on.

import type { PortReport } from '../core/events/event-result.ts';
import type { AgentError } from '../core/lib/errors.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { Blocker } from '../core/plan/plan.ts';
import { type Step, subjectOf } from '../core/plan/steps.ts';
import type { PendingRetries } from '../state/pending-retries.ts';
import { isRemoval } from './recorded-step.ts';

export function reportPorts(
  desired: readonly DesiredPort[],
  steps: readonly Step[],
  blockers: readonly Blocker[],
  failures: ReadonlyMap<string, AgentError>,
  desiredPorts: ReadonlySet<string>,
  pendingRetries: PendingRetries,
): PortReport[] {
  const reports: PortReport[] = desired.map((desiredPort) => {
    const { port, bridge } = desiredPort;
    const base = { port, interface: desiredPort.interface, bridge };
    const blocker = blockers.find((entry) => entry.port === port);
    if (blocker) return { ...base, state: 'held', reason: blocker.reason, code: blocker.code };
    const error = failures.get(port) ?? failures.get(bridge);
    if (error) {
      pendingRetries.note({ port, bridge, code: error.code, reason: error.reason });
      return { ...base, state: 'failed', reason: error.reason, code: error.code };
    }
    pendingRetries.clear(port);
    const touched = steps.some((step) => subjectOf(step) === port);
    return { ...base, state: touched ? 'attached' : 'unchanged' };
  });
  for (const step of steps) {
    if (!isRemoval(step) || desiredPorts.has(step.port.port)) continue;
    const { port, bridge } = step.port;
    const error = failures.get(port);
    if (error) pendingRetries.note({ port, bridge, code: error.code, reason: error.reason });
    else pendingRetries.clear(port);
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
