// What a look at the host found: one sentence each, with what to do about it.

import type { ErrorCode } from './errors.ts';
import { ERRORS } from './errors.ts';

/** `skip`: not applicable on this host, or not to be found out because something else is missing. */
export type FindingState = 'pass' | 'warn' | 'fail' | 'skip';

export interface Finding {
  /** The heading that it stands under, such as `Open vSwitch`. */
  group: string;
  /** Name of the check, the same in every run: programs look for it. */
  check: string;
  state: FindingState;
  text: string;
  remedy?: string;
  code?: ErrorCode;
}

/** The remedy of a finding: words of its own, or those of an error code. */
export type Cure = { remedy?: string; code?: ErrorCode };

export interface Findings {
  pass(check: string, text: string): Finding;
  skip(check: string, text: string): Finding;
  warn(check: string, text: string, cure?: Cure): Finding;
  fail(check: string, text: string, cure?: Cure): Finding;
}

/** Makers of findings of one group. */
export function findingsOf(group: string): Findings {
  const bad =
    (state: 'warn' | 'fail') =>
    (check: string, text: string, cure: Cure = {}) => {
      const remedy = cure.remedy ?? (cure.code === undefined ? undefined : ERRORS[cure.code].remedy);
      return {
        group,
        check,
        state,
        text,
        ...(remedy !== undefined && { remedy }),
        ...(cure.code !== undefined && { code: cure.code }),
      };
    };
  return {
    pass: (check, text) => ({ group, check, state: 'pass', text }),
    skip: (check, text) => ({ group, check, state: 'skip', text }),
    warn: bad('warn'),
    fail: bad('fail'),
  };
}

/** `101, 102, 103 and 7 more`: long lists help nobody on a line. */
export function listText(items: readonly (string | number)[], most = 6): string {
  const more = items.length - most;
  return items.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** For a file of the package. By its bare name apt finds a package only where a repository has it. */
export function reinstall(version: string): string {
  return `Install its file again: apt-get install --reinstall ./ovs-port-agent_${version}_all.deb`;
}
