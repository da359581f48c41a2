// The ledger: its chain, and whether the disk that holds it has room and can be written.

import { answered } from '../../core/lib/answer.ts';
import { type Finding, findingsOf } from '../../core/lib/finding.ts';
import type { DoctorFacts, StateFacts } from './facts.ts';

const { pass, warn, fail, skip } = findingsOf('Ledger');

const MIB = 1024 * 1024;
/** A block takes some 600 bytes: this is room for a hundred thousand. */
const FREE_LOW = 64 * MIB;
const FREE_OUT = 4 * MIB;

export function checkLedger(facts: DoctorFacts): Finding[] {
  return [chain(facts), disk(facts)];
}

function chain({ ledger, agent }: DoctorFacts): Finding {
  if (ledger === undefined)
    return skip('chain', 'there is no ledger yet: the agent makes it when it first starts');
  if (!ledger.ok) return fail('chain', ledger.reason, { remedy: 'ovs-port-agent ledger verify' });
  const { path, result } = ledger.value;
  const { verdict, fault, chain: found } = result;
  const blocks = `${path}: ${found.blocks} blocks hold together`;
  switch (verdict) {
    case 'ok':
      return pass('chain', blocks);
    case 'torn-tail':
      return pass('chain', `${blocks}; the last line is not finished, which is no fault`);
    case 'unanchored':
      return warn('chain', `${blocks}, and no checkpoint says how many there must be`, {
        remedy: 'Start the agent: it signs one',
      });
    case 'broken':
      return fail(
        'chain',
        `${path}: the chain does not hold from height ${fault?.height} on (${fault?.reason})`,
        {
          code: 'ledger-broken',
        },
      );
    case 'gap':
      // The agent says it with more words; without it, the checkpoints still do.
      if (fault?.reason === 'lost' && answered(agent)?.health?.some((told) => told.fault === 'ledger-epoch'))
        return pass('chain', `${blocks}; what is missing is told above`);
      return warn(
        'chain',
        `${blocks}, but not all that there were: ${fault?.expected}, found ${fault?.actual}`,
        {
          remedy: 'ovs-port-agent ledger verify',
        },
      );
    default:
      return fail(
        'chain',
        `${path}: ${verdict} at height ${fault?.height}: expected ${fault?.expected}, found ${fault?.actual}`,
        {
          code: 'ledger-broken',
        },
      );
  }
}

function disk({ state }: DoctorFacts): Finding {
  if (!state.ok) return fail('disk', state.reason, { code: 'ledger-write-failed' });
  const { path, readOnly, free } = state.value;
  if (readOnly !== undefined)
    return fail('disk', `${path} cannot be written: ${readOnly}`, { code: 'ledger-write-failed' });
  const text = `${path}: ${freeText(state.value)}`;
  if (free < FREE_OUT) return fail('disk', text, { code: 'ledger-write-failed' });
  if (free < FREE_LOW) return warn('disk', text, { remedy: `Make room on the disk that holds ${path}` });
  return pass('disk', text);
}

function freeText({ free, size }: StateFacts): string {
  const share = size > 0 ? ` (${Math.floor((100 * free) / size)} %)` : '';
  return `${Math.floor(free / MIB)} MiB free${share}`;
}
