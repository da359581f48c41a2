// Has programs started by a small helper: a fork of this process, and the wait until the program runs, stop everything else here.
//
// The reason, and what was measured, is in docs/adr/0043-programs-started-by-a-helper.md.

import { EventEmitter } from 'node:events';
import { type Conversation, type Exec, type Started, supervised } from './exec.ts';
import { type Answer, answerReader, killRequest, runRequest } from './launch-frames.ts';

export interface LauncherParts {
  /** Starts `launch.pl`. */
  start: () => Conversation;
  /** Starts programs itself: where the helper cannot, or is not there. */
  direct: Exec;
  /** Told once that the helper does not come up. */
  onProblem: (problem: string) => void;
}

export interface Launcher {
  exec: Exec;
  close(): void;
}

/** Nobody needs it while nothing happens. */
const IDLE_MS = 60_000;
/** A helper that did not come up is tried again after so long. */
const AGAIN_MS = 60_000;
const READY_MS = 5000;
/** As execa does, between asking a program to end and making it. */
const KILL_MS = 5000;

export function openLauncher(parts: LauncherParts): Launcher {
  const { direct } = parts;
  const keeper = new Keeper(parts);
  let last = 0;
  return {
    async exec(file, args, options = {}) {
      last = (last + 1) % 0xffffffff;
      const id = last + 1;
      const request = runRequest(id, file, args, options);
      const helper = request === undefined ? undefined : await keeper.helper();
      if (request === undefined || helper === undefined) return direct(file, args, options);
      const name = [file, ...args].join(' ');
      return supervised(file, () => helper.run(id, request, name), options.deadlineMs);
    },
    close: () => keeper.close(),
  };
}

/** Has one helper while there is work. */
class Keeper {
  readonly #parts: LauncherParts;
  #helper: Promise<Helper | undefined> | undefined;
  #retryAt = 0;
  #isReported = false;

  constructor(parts: LauncherParts) {
    this.#parts = parts;
  }

  async helper(): Promise<Helper | undefined> {
    if (this.#helper === undefined && performance.now() < this.#retryAt) return undefined;
    this.#helper ??= this.#start();
    const helper = await this.#helper;
    return helper?.isThere ? helper : undefined;
  }

  close(): void {
    void this.#helper?.then((helper) => helper?.close());
    this.#helper = undefined;
  }

  #start(): Promise<Helper | undefined> {
    const { start, onProblem } = this.#parts;
    const helper = new Helper(start());
    const mine = helper.ready.then((isReady) => {
      if (isReady) return helper;
      helper.close();
      this.#retryAt = performance.now() + AGAIN_MS;
      if (!this.#isReported) onProblem('programs are started without the helper: it does not run');
      this.#isReported = true;
      return undefined;
    });
    const forget = () => {
      if (this.#helper === mine) this.#helper = undefined;
    };
    void helper.gone.then(forget);
    void mine.then((there) => there === undefined && forget());
    return mine;
  }
}

interface Run {
  stdout: Output;
  stderr: Output;
  settle: (ended: Awaited<Started['result']>) => void;
  name: string;
}

class Helper {
  /** Whether it came up. */
  readonly ready: Promise<boolean>;
  /** Resolves when it takes no more requests. */
  readonly gone: Promise<void>;
  isThere = true;
  readonly #conversation: Conversation;
  readonly #runs = new Map<number, Run>();
  #leave: () => void = () => undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(conversation: Conversation) {
    this.#conversation = conversation;
    this.gone = new Promise((resolve) => {
      this.#leave = resolve;
    });
    this.ready = new Promise((resolve) => {
      const late = setTimeout(resolve, READY_MS, false);
      late.unref();
      const read = answerReader((answer) => {
        if (answer.kind !== 'h') return this.#take(answer);
        clearTimeout(late);
        resolve(true);
      });
      conversation.stdout.on('data', read);
      void conversation.ended.then(() => {
        clearTimeout(late);
        resolve(false);
        this.#end();
      });
    });
    this.#rest();
  }

  run(id: number, request: Buffer, name: string): Started {
    clearTimeout(this.#idle);
    const { stdin } = this.#conversation;
    const [stdout, stderr] = [new Output(), new Output()];
    let force: NodeJS.Timeout | undefined;
    const result = new Promise<Awaited<Started['result']>>((resolve) => {
      const settle: Run['settle'] = (ended) => {
        clearTimeout(force);
        this.#runs.delete(id);
        if (this.#runs.size === 0) this.#rest();
        resolve(ended);
      };
      this.#runs.set(id, { stdout, stderr, settle, name });
    });
    stdin.write(request);
    const kill = () => {
      stdin.write(killRequest(id, 'TERM'));
      force = setTimeout(() => stdin.write(killRequest(id, 'KILL')), KILL_MS);
    };
    return { stdout, stderr, kill, result };
  }

  /** What is under way goes on to its end. */
  close(): void {
    clearTimeout(this.#idle);
    this.isThere = false;
    this.#conversation.stdin.end();
    this.#leave();
  }

  #rest(): void {
    clearTimeout(this.#idle);
    if (!this.isThere) return;
    this.#idle = setTimeout(() => this.close(), IDLE_MS);
    this.#idle.unref();
  }

  #take({ id, kind, data }: Answer): void {
    const run = this.#runs.get(id);
    if (run === undefined) return;
    const { stdout, stderr, settle, name } = run;
    if (kind === 'o') stdout.emit('data', data);
    else if (kind === 'e') stderr.emit('data', data);
    else if (kind === 'x') settle(endOf(data.readUInt32BE(0), name));
    else if (kind === 'f') settle({ failed: true, shortMessage: data.toString('utf8') });
  }

  #end(): void {
    this.isThere = false;
    clearTimeout(this.#idle);
    this.#leave();
    for (const { settle } of [...this.#runs.values()]) {
      settle({ failed: true, shortMessage: 'the helper that started it has ended' });
    }
  }
}

/** @param status as wait(2) gives it */
function endOf(status: number, name: string) {
  if (status === 0) return { failed: false, exitCode: 0 };
  const signal = status & 0x7f;
  if (signal !== 0)
    return { failed: true, shortMessage: `Command was killed with signal ${signal}: ${name}` };
  const exitCode = status >> 8;
  return { failed: true, exitCode, shortMessage: `Command failed with exit code ${exitCode}: ${name}` };
}

/** What a program says, as it comes. */
class Output extends EventEmitter<{ data: [Buffer] }> {
  destroy(): void {
    this.removeAllListeners();
  }
}
