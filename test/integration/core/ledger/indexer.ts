// A child process for the tests: brings the index of a ledger up to it, in short runs. Arguments: the ledger's path.
import { updateIndex } from '../../../../src/core/ledger/index-files/update.ts';

const [path = ''] = process.argv.slice(2);
await updateIndex(path, { runBlocks: 4 }).catch(() => undefined);
