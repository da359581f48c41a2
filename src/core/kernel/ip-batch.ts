// Several questions to one `ip`: a process for each of them is most of what they cost.

import type { Exec } from '../lib/exec.ts';

export interface IpPlace {
  /** Options of `ip` that hold for all questions, such as `-4`. */
  options?: readonly string[];
  /** What runs it elsewhere, such as `nsenter` and its arguments. */
  within?: readonly [file: string, ...args: string[]];
}

/** The answers as parsed JSON, in the order of the questions; nothing is an empty list. Throws `exec-failed`. */
export async function askIp(
  exec: Exec,
  questions: readonly (readonly string[])[],
  { options = [], within }: IpPlace = {},
): Promise<unknown[]> {
  const [file, ...before] = within === undefined ? ['ip'] : [...within, 'ip'];
  const ask = (args: readonly string[], input?: string) =>
    exec(file, [...before, '-json', ...options, ...args], input === undefined ? {} : { input });
  const input = questions.map((words) => `${words.join(' ')}\n`).join('');
  const lines = (await ask(['-batch', '-'], input)).split('\n').filter((line) => line.trim() !== '');
  // A version of `ip` that says nothing where there is nothing leaves open which answer is which.
  const answers =
    lines.length === questions.length ? lines : await Promise.all(questions.map((words) => ask(words)));
  return answers.map((text) => (text.trim() === '' ? [] : JSON.parse(text)));
}
