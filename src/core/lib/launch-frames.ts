// What the agent and launch.pl say to each other: each frame is its length in 4 bytes (big-endian), and that many bytes.

import { type ExecOptions, environmentOf } from './exec.ts';

/** From launch.pl, as `id`, `kind`, `data`. */
export interface Answer {
  id: number;
  /**
   * `h`: it is there (id 0). `o`, `e`: a piece of the program's output, of its complaints. `x`: it is over, with a wait
   * status (wait(2)) as a number of 4 bytes. `f`: it could not be started, and why.
   */
  kind: string;
  data: Buffer;
}

/** A network namespace that is all that nsenter is asked to enter: launch.pl enters it without nsenter. */
const NAMESPACE = /^--net=(\/proc\/\d+\/ns\/net)$/;

/**
 * Asks for a program, or undefined for what cannot be asked so: an open file as input, or a text with a null character.
 * Words: `run`, the file that is a network namespace to run in (or nothing), the program, its input (nothing: /dev/null), how
 * many variables, their names and values, the arguments.
 */
export function runRequest(
  id: number,
  file: string,
  args: readonly string[],
  { input = '', ...options }: ExecOptions,
): Buffer | undefined {
  if (typeof input === 'number') return undefined;
  const [first = '', dashes, inner, ...rest] = args;
  const space = file === 'nsenter' && dashes === '--' ? NAMESPACE.exec(first)?.[1] : undefined;
  const [program, ...words] = space === undefined || inner === undefined ? [file, ...args] : [inner, ...rest];
  const variables = Object.entries(environmentOf(options));
  const head = [space !== undefined && inner !== undefined ? space : '', program];
  const all = [...head, ...variables.flat(), ...words];
  if (all.some((word) => word.includes('\0'))) return undefined;
  return request(id, ['run', ...head, input, String(variables.length), ...variables.flat(), ...words]);
}

/** @param signal such as `TERM` */
export const killRequest = (id: number, signal: string): Buffer => request(id, ['kill', signal]);

function request(id: number, words: readonly string[]): Buffer {
  const parts = words.flatMap((word) => {
    const bytes = Buffer.from(word);
    return [number(bytes.length), bytes];
  });
  const payload = Buffer.concat([number(id), ...parts]);
  return Buffer.concat([number(payload.length), payload]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Returns what takes in pieces of any size, and calls back for each answer that is complete. */
export function answerReader(onAnswer: (answer: Answer) => void): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (rest.length >= 4) {
      const end = 4 + rest.readUInt32BE(0);
      if (rest.length < end) return;
      const frame = rest.subarray(0, end);
      rest = rest.subarray(end);
      onAnswer({
        id: frame.readUInt32BE(4),
        kind: String.fromCharCode(frame[8] ?? 0),
        data: frame.subarray(9),
      });
    }
  };
}
