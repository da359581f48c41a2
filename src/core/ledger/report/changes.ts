// Who had what changed, and what failed: gathered while blocks go by, in order.
import { objectOf, textOf } from '../../lib/json-value.ts';
import type { HashedBlock } from '../block.ts';
import { actorsOf, guestNamesOf, portsOf, vmidsOf } from '../index-files/subjects.ts';
import type { Change, Failure } from './report.ts';

const SUBJECTS_MAX = 5;
const FAILURES_MAX = 1000;

/** What it began with. */
export type Origin = { by: string[]; source: string | null; because: string };

export function originOf(block: HashedBlock): Origin {
  return { by: actorsOf(block), source: block.metadata.source ?? null, because: block.action };
}

/** The port, guest or bridge that a block is about, or an empty text. */
export function subjectOf(block: HashedBlock): string {
  const data = objectOf(block.data);
  const [found = textOf(data, 'bridge') ?? textOf(data, 'method') ?? ''] = [
    ...portsOf(block),
    ...guestNamesOf(block),
    ...vmidsOf(block).map(String),
  ];
  return found;
}

/** Whether it says that something was not done. */
export function isFailure({ action, data }: HashedBlock): boolean {
  if (/_(?:failed|interrupted|refused|rejected|unreadable)$/.test(action) || action === 'port_held')
    return true;
  return textOf(objectOf(data), 'outcome') === 'failed';
}

const PEOPLE = ['config', 'policy', 'template', 'parameter', 'authentication', 'authorization', 'access'];

/** A change of the host, or what a person did; an event is the reason of one. */
const isChange = ({ metadata, category }: HashedBlock) =>
  metadata.kind === 'outcome' || (PEOPLE.includes(category) && metadata.kind === undefined);

export function gathersChanges() {
  const changes = new Map<string, Change>();
  const failures: Failure[] = [];
  const open = new Set<number>();
  const counted = { failures: 0 };

  return {
    changes: () => [...changes.values()],
    failures,
    failureCount: () => counted.failures,
    open: () => [...open],
    /** `origin`: what led to it; the block itself where nothing did. */
    take(block: HashedBlock, origin: Origin): void {
      const { height, timestamp: at, action, cause, metadata } = block;
      if (metadata.kind === 'intent') open.add(height);
      if (metadata.kind === 'outcome' && cause !== null) open.delete(cause);
      if (isFailure(block)) {
        counted.failures += 1;
        if (failures.length < FAILURES_MAX) failures.push(failureOf(block, origin));
      } else if (isChange(block)) {
        const key = JSON.stringify([origin, action]);
        const known = changes.get(key);
        const one = { height, at };
        const change = known ?? { ...origin, action, count: 0, first: one, last: one, subjects: [] };
        const subject = subjectOf(block);
        if (subject !== '' && change.subjects.length < SUBJECTS_MAX && !change.subjects.includes(subject))
          change.subjects.push(subject);
        changes.set(key, Object.assign(change, { count: change.count + 1, last: one }));
      }
    },
  };
}

function failureOf(block: HashedBlock, { by }: Origin): Failure {
  const { height, timestamp: at, action } = block;
  const data = objectOf(block.data);
  const error = textOf(data, 'error') ?? textOf(data, 'reason') ?? textOf(data, 'problem') ?? null;
  return { height, at, action, by, subject: subjectOf(block), code: textOf(data, 'code') ?? null, error };
}
