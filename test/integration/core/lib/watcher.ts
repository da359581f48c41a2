// A process of its own that watches one directory and prints what it is told; its namespace may have no room for inotify.
import { openWatching } from '../../../../src/core/lib/watch.ts';

const watching = openWatching({ pollMs: 50 });
watching.directory(process.argv[2] ?? '', (file) => process.stdout.write(`changed ${file}\n`));
process.stdout.write(`polled ${JSON.stringify(watching.polled())}\n`);
setTimeout(() => process.exit(0), 60_000);
