// Runs one section inside the test host; its rows are the one line of JSON on standard output.

import type { Row } from '../row.ts';
import { openAttachBench } from './attach.ts';
import { measureOvsdb } from './attach-ovsdb.ts';
import { watchBoot } from './boot-watch.ts';
import { measureDocker } from './docker.ts';
import { measureHook } from './hook.ts';
import { measureMemory } from './memory.ts';
import { measureNetmaker } from './netmaker.ts';
import { measureReparent } from './reparent.ts';
import { makeNamespace } from './veths.ts';

const say = (text: string) => void process.stderr.write(`${text}\n`);

/** Also fills the host with ports step by step, which is when the agent's memory is looked at. */
async function ports(): Promise<Row[]> {
  const rows: Row[] = [];
  makeNamespace();
  say('memory with no port');
  rows.push(...(await measureMemory('0 ports', true, '<= 1.5')));
  const bench = await openAttachBench();
  for (const [count, turns] of [
    [5, 40],
    [100, 30],
    [200, 30],
  ] as const) {
    say(`making ${count} ports`);
    await bench.crowd(count);
    say(`attaching in turns, ${count} ports there`);
    rows.push(...(await bench.measure(turns)));
  }
  bench.close();
  say('memory with 200 ports');
  rows.push(...(await measureMemory('200 ports, after all of these attaches', false, '<= 1.8')));
  rows.push(...(await measureMemory('200 ports, restarted', true, '<= 1.8')));
  return rows;
}

const SECTIONS: Readonly<Record<string, () => Promise<Row[]>>> = {
  ports,
  docker: () => measureDocker(20),
  hook: () => measureHook(100),
  ovsdb: () => measureOvsdb(say),
  netmaker: () => measureNetmaker(20, 50, say),
  reparent: () => measureReparent(10, say),
  'boot-watch': () => watchBoot(process.argv[3] ?? ''),
};

const section = SECTIONS[process.argv[2] ?? ''];
if (section === undefined) throw new Error(`sections: ${Object.keys(SECTIONS).join(', ')}`);
section().then(
  (rows) => process.stdout.write(`${JSON.stringify(rows)}\n`, () => process.exit(0)),
  (error: unknown) => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(1);
  },
);
