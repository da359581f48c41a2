// Listens to one producer: its declaration, then an entry a line, each answered with its block or with what is wrong.

import type { Readable, Writable } from 'node:stream';
import { z } from 'zod';
import { MAX_DEPTH } from '../../core/ledger/canonical.ts';
import type { Category } from '../../core/ledger/categories.ts';
import { externalEntry } from '../../core/ledger/producer.ts';
import { sha256Hex } from '../../core/ledger/sha256.ts';
import { pause, withDeadline } from '../../core/lib/deadline.ts';
import { AgentError, asAgentError } from '../../core/lib/errors.ts';
import type { Json } from '../../core/lib/json.ts';
import type { Budget } from '../budget.ts';
import type { Appender } from '../redacted.ts';
import { dataProblem } from './data-schema.ts';
import { type Declaration, parseDeclaration } from './declaration.ts';
import { levelsOf, linesOf } from './lines.ts';

/** Bytes; data that is this long fits into a block. */
export const LINE_MAX = 32 * 1024;

export interface SessionParts {
  /** Of the file that the producer is. */
  name: string;
  input: Readable;
  output: Writable;
  ledger: Appender;
  openCategories: readonly Category[];
  /** Each line after the first takes one; who is too fast is not listened to until there is one. */
  budget: Budget;
  onDeclared: (declaration: Declaration, sha256: string) => Promise<void>;
  /** Ends it. */
  signal: AbortSignal;
  /** Milliseconds for the declaration, an append and the reader of an answer. */
  deadlineMs?: number;
}

export interface SessionEnd {
  reason: string;
  recorded: number;
  rejected: number;
}

const entrySchema = z.strictObject({
  /** Comes back with the answer. */
  id: z.union([z.string().max(128), z.int()]).optional(),
  action: z.string().max(64),
  data: z.json() as z.ZodType<Json>,
  cause: z.int().min(1).optional(),
});

/** Resolves when it has ended. Does not reject. */
export async function runSession(parts: SessionParts): Promise<SessionEnd> {
  const session = new Session(parts);
  const reason = await session.run().catch((error: unknown) => {
    if (parts.signal.aborted) return 'the agent ended it';
    return error instanceof AgentError ? error.reason : String(error);
  });
  return { reason, ...session.counts };
}

class Session {
  readonly #parts: SessionParts;
  readonly #deadlineMs: number;
  readonly counts = { recorded: 0, rejected: 0 };
  #number = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#deadlineMs = parts.deadlineMs ?? 10_000;
  }

  async run(): Promise<string> {
    const { input, budget, signal } = this.#parts;
    const lines = linesOf(input, LINE_MAX);
    signal.addEventListener('abort', () => input.destroy(), { once: true });
    try {
      const declaration = await this.#declared(lines);
      if (declaration === undefined) return 'it ended before it said what it is';
      for (;;) {
        const { done, value: line } = await lines.next();
        if (done) return signal.aborted ? 'the agent ended it' : 'it ended';
        while (!budget.take()) {
          await pause(budget.waitMs(), signal);
          if (signal.aborted) return 'the agent ended it';
        }
        await this.#answer(await this.#take(line, declaration));
      }
    } finally {
      input.destroy();
    }
  }

  /** Undefined: it ended without one. */
  async #declared(lines: AsyncGenerator<string>): Promise<Declaration | undefined> {
    const { name, openCategories, onDeclared } = this.#parts;
    const first = await withDeadline(this.#deadlineMs, 'its first line', () => lines.next());
    if (first.done) return undefined;
    try {
      const declaration = parseDeclaration(parsed(first.value), name, openCategories);
      await onDeclared(declaration, sha256Hex(first.value));
      await this.#answer({ ok: true, producer: name });
      return declaration;
    } catch (error) {
      await this.#answer(problem(error));
      throw error;
    }
  }

  /** The answer to one line. */
  async #take(line: string, declaration: Declaration): Promise<Json> {
    this.#number += 1;
    const number = { line: this.#number };
    let id: Record<string, Json> = {};
    try {
      const entry = parseEntry(parsed(line));
      if (entry.id !== undefined) id = { id: entry.id };
      const shape = declaration.actions.get(entry.action);
      if (shape === undefined) throw bad(`${JSON.stringify(entry.action)} is not among its actions`);
      const wrong = dataProblem(entry.data, shape.data);
      if (wrong !== undefined) throw bad(wrong);
      const { producer } = declaration;
      const { height, hash } = await withDeadline(this.#deadlineMs, 'the ledger', () =>
        this.#parts.ledger.append(
          externalEntry(producer, {
            category: shape.category,
            action: entry.action,
            data: entry.data,
            metadata: { producer },
            ...(entry.cause !== undefined && { cause: entry.cause }),
          }),
        ),
      );
      this.counts.recorded += 1;
      return { ...number, ...id, height, hash };
    } catch (error) {
      this.counts.rejected += 1;
      return { ...number, ...id, ...problem(error) };
    }
  }

  /** One that does not read its answers has not understood what this is. */
  async #answer(answer: Json): Promise<void> {
    const { output } = this.#parts;
    await withDeadline(
      this.#deadlineMs,
      'the reader of the answers',
      () =>
        new Promise<void>((resolve, reject) => {
          output.write(`${JSON.stringify(answer)}\n`, (error) => {
            if (error)
              reject(new AgentError('bad-argument', 'it reads no answers any more', { cause: error }));
            else resolve();
          });
        }),
    );
  }
}

function parsed(line: string): unknown {
  if (levelsOf(line) > MAX_DEPTH) throw bad(`the line has more than ${MAX_DEPTH} levels`);
  try {
    return JSON.parse(line);
  } catch {
    throw bad('the line is not JSON');
  }
}

function parseEntry(json: unknown) {
  const read = entrySchema.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw bad(`the line is no entry: ${issue?.path.join('.') || 'it'}: ${issue?.message ?? ''}`);
}

function problem(error: unknown): { error: string; message: string } {
  const { code, reason } = asAgentError(error, 'ledger-write-failed', 'The line was not recorded');
  return { error: code, message: reason };
}

const bad = (what: string) => new AgentError('bad-argument', what);
