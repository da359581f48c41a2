// Keeps producers of others going: looks for them, speaks with each, waits longer each time that one ends.

import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Category } from '../../core/ledger/categories.ts';
import { entryOf } from '../../core/ledger/producer.ts';
import { sha256Hex } from '../../core/ledger/sha256.ts';
import { pause } from '../../core/lib/deadline.ts';
import { asAgentError } from '../../core/lib/errors.ts';
import { shortened } from '../../core/lib/shortened.ts';
import { type Budget, openBudget } from '../budget.ts';
import type { Appender } from '../redacted.ts';
import { EXTERNAL } from './actions.ts';
import type { Declaration } from './declaration.ts';
import type { Candidate } from './discover.ts';
import type { OpenProducer } from './open.ts';
import { runSession } from './session.ts';

export interface SuperviseParts {
  ledger: Appender;
  find: () => Promise<Candidate[]>;
  open: OpenProducer;
  openCategories: readonly Category[];
  /** Lines a minute. */
  rate: number;
  everyMs: number;
  steady: () => number;
  log: { info(text: string): void; warning(text: string): void };
  onError: (error: unknown) => void;
  /** In tests. */
  firstRetryMs?: number;
  deadlineMs?: number;
}

export interface Supervisor {
  /** Looks at the folders now. */
  look(): Promise<void>;
  close(): Promise<void>;
}

/** Of all; a folder with more is a mistake. */
const PRODUCERS_MAX = 16;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 300_000;
/** One that was there for so long begins anew with the shortest wait. */
const STEADY_MS = 60_000;
/** Starts and ends of one producer: so many at once, then one in so many milliseconds. */
const TOLD_BURST = 6;
const TOLD_EVERY_MS = 600_000;

export function superviseProducers(parts: SuperviseParts): Supervisor {
  const running = new Map<string, Keeper>();
  const refused = new Map<string, string>();
  const budgets = new Map<string, { lines: Budget; told: Told }>();
  let isClosed = false;

  const budgetsOf = (name: string) => {
    const found = budgets.get(name) ?? {
      lines: openBudget(parts.rate, 60_000 / parts.rate, parts.steady),
      told: openTold(openBudget(TOLD_BURST, TOLD_EVERY_MS, parts.steady)),
    };
    budgets.set(name, found);
    return found;
  };

  const refuse = async ({ name, path, identity }: Candidate, reason: string) => {
    const what = `${identity} ${reason}`;
    if (refused.get(path) === what) return;
    parts.log.warning(`the producer ${path} is not run: ${reason}`);
    const entry = entryOf(EXTERNAL, { action: 'producer_refused', data: { producer: name, path, reason } });
    await parts.ledger.append(entry);
    refused.set(path, what);
  };

  const look = async () => {
    if (isClosed) return;
    try {
      const candidates = await parts.find();
      const wanted = new Map<string, Candidate>();
      for (const each of candidates) {
        const isTooMany = wanted.size >= PRODUCERS_MAX;
        const reason = each.refusal ?? (isTooMany ? `there are more than ${PRODUCERS_MAX}` : undefined);
        if (reason !== undefined) await refuse(each, reason);
        else wanted.set(each.name, each);
      }
      const outdated = [...running].filter(([name, { candidate }]) => !isSame(candidate, wanted.get(name)));
      await Promise.all(outdated.map(([, keeper]) => keeper.stop()));
      for (const [name] of outdated) running.delete(name);
      for (const [name, each] of wanted) {
        if (!running.has(name) && !isClosed) running.set(name, keep(each, { ...parts, ...budgetsOf(name) }));
      }
    } catch (error) {
      parts.onError(error);
    }
  };

  let looking: Promise<void> = look();
  const soon = () => {
    looking = looking.then(look);
    return looking;
  };
  const timer = setInterval(() => void soon(), parts.everyMs).unref();
  return {
    look: soon,
    async close() {
      isClosed = true;
      clearInterval(timer);
      await looking;
      await Promise.all([...running.values()].map((keeper) => keeper.stop()));
    },
  };
}

const isSame = (a: Candidate, b: Candidate | undefined) => a.identity === b?.identity && a.kind === b.kind;

interface Keeper {
  candidate: Candidate;
  stop(): Promise<void>;
}

type KeepParts = SuperviseParts & { lines: Budget; told: Told };

/** Starts it again and again until it is stopped. */
function keep(candidate: Candidate, parts: KeepParts): Keeper {
  const stopping = new AbortController();
  const { signal } = stopping;
  const { steady, firstRetryMs = FIRST_RETRY_MS } = parts;
  const life = async () => {
    for (let waitMs = firstRetryMs; !signal.aborted; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      const began = steady();
      await once(candidate, parts, signal).catch(parts.onError);
      if (steady() - began > STEADY_MS) waitMs = firstRetryMs;
      await pause(waitMs, signal);
    }
  };
  const ended = life();
  return {
    candidate,
    stop() {
      stopping.abort();
      return ended;
    },
  };
}

/** One life of it, with the blocks about its beginning and its end. */
async function once(candidate: Candidate, parts: KeepParts, signal: AbortSignal): Promise<void> {
  const { ledger, told, lines, log } = parts;
  const { name, path, kind } = candidate;
  const sha256 = kind === 'program' ? await digestOf(path) : undefined;
  const onDeclared = async ({ categories, actions }: Declaration, digest: string) => {
    log.info(`the producer ${name} writes into the ledger (${path})`);
    const data = {
      producer: name,
      path,
      kind,
      ...(sha256 !== undefined && { sha256 }),
      categories,
      actions: [...actions.keys()],
      declaration_sha256: digest,
    };
    await told.tell((leftOut) =>
      ledger.append(entryOf(EXTERNAL, { action: 'producer_started', data: { ...data, ...leftOut } })),
    );
  };
  const end = await lived(candidate, { ...parts, budget: lines, onDeclared }, signal);
  if (signal.aborted && end.recorded + end.rejected === 0) return;
  if (!signal.aborted) log.warning(`the producer ${name} has ended: ${end.reason}`);
  await told.tell((leftOut) =>
    ledger.append(
      entryOf(EXTERNAL, { action: 'producer_ended', data: { producer: name, ...end, ...leftOut } }),
    ),
  );
}

/** Lines of a program in the journal at once, then one in so many milliseconds. */
const SAID_BURST = 20;
const SAID_EVERY_MS = 10_000;
const SAID_MAX = 500;

/** What a program complains of gets into the journal, up to a point. */
function listen(errors: Readable | undefined, say: (text: string) => void, steady: () => number): void {
  if (errors === undefined) return;
  const budget = openBudget(SAID_BURST, SAID_EVERY_MS, steady);
  let rest = '';
  errors.on('error', () => undefined);
  errors.on('data', (chunk: Buffer) => {
    const lines = `${rest}${chunk.toString('utf8')}`.split('\n');
    rest = (lines.pop() ?? '').slice(0, SAID_MAX);
    for (const line of lines) {
      if (line.trim() !== '' && budget.take()) say(shortened(line.replace(/\p{Cc}/gu, ' '), SAID_MAX));
    }
  });
}

type Lived = Omit<Parameters<typeof runSession>[0], 'name' | 'input' | 'output' | 'signal'> & {
  open: OpenProducer;
  log: SuperviseParts['log'];
  steady: () => number;
};

async function lived(candidate: Candidate, parts: Lived, signal: AbortSignal) {
  try {
    const opened = await parts.open(candidate);
    try {
      const { input, output } = opened;
      // Its reader tells.
      output.on('error', () => undefined);
      listen(opened.errors, (text) => parts.log.info(`producer ${candidate.name}: ${text}`), parts.steady);
      return await runSession({ ...parts, name: candidate.name, input, output, signal });
    } finally {
      await opened.end();
    }
  } catch (error) {
    return { reason: asAgentError(error, 'exec-failed', 'It does not run').reason, recorded: 0, rejected: 0 };
  }
}

/** Of the bytes that are about to be run; nobody but root can change them. */
async function digestOf(path: string): Promise<string | undefined> {
  return readFile(path).then(sha256Hex, () => undefined);
}

interface Told {
  tell(append: (leftOut: { left_out?: number }) => Promise<unknown>): Promise<void>;
}

function openTold(budget: Budget): Told {
  let leftOut = 0;
  return {
    async tell(append) {
      if (!budget.take()) {
        leftOut += 1;
        return;
      }
      await append(leftOut > 0 ? { left_out: leftOut } : {});
      leftOut = 0;
    },
  };
}
