// The configuration file: read once at start, absent means defaults.

import { realpath } from 'node:fs/promises';
import { AgentError, isErrno } from '../errors.ts';
import { nodeTreeFs } from '../guest/tree-fs.ts';
import { type ParsedConfig, parseConfig } from './parse-config.ts';

export const CONFIG_PATH = '/etc/ovs-port-agent/config.toml';

const MAX_BYTES = 256 * 1024;

export interface LoadedConfig extends ParsedConfig {
  readonly path: string;
  /** False: the file is absent and the defaults are in force. */
  readonly found: boolean;
}

/** Throws `bad-config` with one line that says what to do. */
export async function loadConfig(path: string = CONFIG_PATH): Promise<LoadedConfig> {
  let text: string;
  try {
    text = await nodeTreeFs.read(await realpath(path), MAX_BYTES);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { ...parseConfig('', path), path, found: false };
    throw new AgentError('bad-config', `${path} cannot be read`, { cause: error });
  }
  return { ...parseConfig(text, path), path, found: true };
}
