// A Node that does not know an option of V8 says so at each start: none gets one that is newer than it.

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { startFlags } from '../../../src/agent/engine-flags.ts';

const OWN = Number.parseInt(process.versions.node, 10);

function complaintOf(flags: readonly string[]): string {
  const script = `for (const flag of ${JSON.stringify(flags)}) require('node:v8').setFlagsFromString(flag)`;
  return spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).stderr;
}

describe('the options of V8 for the start', () => {
  it('are known to this Node, and one that is not known is told of', () => {
    expect(complaintOf(startFlags(OWN))).not.toContain('unrecognized');
    expect(complaintOf(['--no-such-option'])).toContain('unrecognized');
  });

  it('name no compiler that Node 18 and 20 do not have', () => {
    for (const major of [18, 20]) expect(startFlags(major)).toEqual(['--no-opt', '--no-sparkplug']);
  });

  it('count calls where the mid-tier compiler is on by itself', () => {
    for (const major of [22, 24]) {
      expect(startFlags(major)).toContain('--no-maglev');
      expect(startFlags(major).join()).toMatch(/--invocation-count-for-turbofan=\d+/);
    }
  });
});
