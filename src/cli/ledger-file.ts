// The ledger file that a verb reads, once it is known that this user can read it.

import { access, constants, stat } from 'node:fs/promises';
import { AgentError, isErrno } from '../core/lib/errors.ts';
import { CliError } from './failure.ts';

/** Returns `path`. Throws with a line that says why the file cannot be read. */
export async function demandLedger(path: string): Promise<string> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) {
      throw new CliError(`There is no ledger at ${path}. The agent makes its own when it first starts.`, 2);
    }
    throw new AgentError('bad-argument', `The ledger ${path} cannot be read`, { cause: error });
  }
  if ((await stat(path)).isDirectory()) {
    throw new CliError(`${path} is a directory. Name a ledger file, such as ${path}/ledger.jsonl`, 2);
  }
  return path;
}
