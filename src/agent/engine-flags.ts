// How V8 compiles in a daemon that rests nearly always.

import { setFlagsFromString } from 'node:v8';

/**
 * For the start: its functions run once, and are interpreted. The code of the compilers alone is 8 MB of resident pages.
 * A Node from 22 on has a mid-tier compiler, which stays off, and counts calls: what is called now and then for days is not
 * hot. Older ones would not know these options.
 */
export function startFlags(nodeMajor: number): string[] {
  const counted = nodeMajor >= 22 ? ['--no-maglev', '--invocation-count-for-turbofan=300000'] : [];
  return ['--no-opt', '--no-sparkplug', ...counted];
}

/** From then on V8 may compile again. */
export function compileAgain(): void {
  for (const flag of ['--opt', '--sparkplug']) setFlagsFromString(flag);
}
