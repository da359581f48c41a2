// The one line that a hook prints in the task log; pure.

import type { PortReport } from '../core/events/event-result.ts';
import { ERRORS } from '../core/lib/errors.ts';
import type { Resolution } from '../runtimes/source.ts';

/** For example `vi101 attached on ovsbr0 (tap101i0)`. */
export function resultMessage(ports: readonly PortReport[], resolution: Resolution): string {
  const parts = [...ports.map(portText), ...resolution.skipped.map((reason) => `skipped ${reason}`)];
  return parts.length === 0 ? resolution.note : parts.join('; ');
}

function portText(report: PortReport): string {
  const { port, bridge } = report;
  switch (report.state) {
    case 'attached':
      return `${port} attached on ${bridge} (${report.interface})`;
    case 'unchanged':
      return `${port} is on ${bridge} (${report.interface})`;
    case 'detached':
      return `${port} removed from ${bridge}`;
    case 'held':
      return `${port} waits: ${report.reason}${remedyText(report)}`;
    case 'failed':
      return `${port} failed: ${report.reason}${remedyText(report)}`;
  }
}

const remedyText = ({ code }: PortReport) => (code === undefined ? '' : ` [${code}] ${ERRORS[code].remedy}`);
