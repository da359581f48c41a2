// What a reconcile did to each port; pure.

import type { PortReport } from '../../core/events/event-result.ts';
import { printable } from '../printable.ts';
import type { ExitCode } from '../terminal.ts';

/** 1 when some port is not as it should be. */
export function reportsExitCode(reports: readonly PortReport[]): ExitCode {
  return reports.some(({ state }) => state === 'failed' || state === 'held') ? 1 : 0;
}

/** A line for each port that was changed or could not be, then the sum. */
export function reportLines(reports: readonly PortReport[]): string[] {
  const changed = reports.filter(({ state }) => state !== 'unchanged');
  const bad = changed.filter(({ state }) => state === 'failed' || state === 'held').length;
  const total = `${reports.length} ${reports.length === 1 ? 'port' : 'ports'}`;
  const sum = [
    changed.length - bad === 0 ? 'nothing to change' : `${changed.length - bad} changed`,
    ...(bad > 0 ? [`${bad} not as wanted`] : []),
  ];
  return [...changed.map(reportLine), `${total}: ${sum.join(', ')}`];
}

function reportLine({
  port,
  bridge,
  interface: link,
  state,
  reason = 'no reason given',
}: PortReport): string {
  switch (state) {
    case 'attached':
      return printable(`${port} attached on ${bridge} (${link})`);
    case 'detached':
      return printable(`${port} removed from ${bridge}`);
    case 'held':
      return printable(`${port} waits: ${reason}`);
    case 'failed':
      return printable(`${port} failed: ${reason}`);
    case 'unchanged':
      return printable(`${port} is on ${bridge} (${link})`);
  }
}
