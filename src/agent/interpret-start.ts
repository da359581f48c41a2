// The first import of main.ts: from here on the start is interpreted, until main.ts calls `compileAgain`.

import { setFlagsFromString } from 'node:v8';
import { startFlags } from './engine-flags.ts';

for (const flag of startFlags(Number.parseInt(process.versions.node, 10))) setFlagsFromString(flag);
