// Takes over what changed in the configuration file while the agent runs; a file with an error changes nothing.

import { join } from 'node:path';
import { AGENT } from '../api/ledger-producers.ts';
import type { Config } from '../core/config/config.ts';
import { noteConfigInForce } from '../core/config/in-force.ts';
import { loadConfig } from '../core/config/load.ts';
import { type KeyChange, planReload } from '../core/config/reload.ts';
import type { Caller } from '../core/events/caller.ts';
import type { Ledger } from '../core/ledger/index.ts';
import { entryOf } from '../core/ledger/producer.ts';
import { writeFileAtomically } from '../core/lib/atomic-file.ts';
import type { Log } from '../core/lib/log.ts';
import type { LiveConfig } from './live-config.ts';

export interface ReloadParts {
  live: LiveConfig;
  ledger: Pick<Ledger, 'append'>;
  runtimeDir: string;
  log: Log;
  /** Records what is in the file now, and who asked; answers the height of the block, if there is one. */
  noteConfig: (next: Config, caller: Caller | undefined) => Promise<number | undefined>;
  /** Has everything looked at with what is in force now; `reason` is for the ledger. */
  onTaken: (reason: string) => void;
}

export interface ReloadAnswer {
  taken: KeyChange[];
  restart: KeyChange[];
  warnings: readonly string[];
}

export interface Reloader {
  /** One after the other; without a caller a signal asked. Throws `bad-config`. */
  reload(caller?: Caller): Promise<ReloadAnswer>;
  /** For `status`: when the file was read last, and which keys wait for a restart. */
  summary(): { read_at: string; restart_for: string[] };
}

/** Leaves what hooks need to know before they can ask anybody, and what readers need while the file has an error. */
export async function publishConfig(runtimeDir: string, config: Config): Promise<void> {
  const { hook_deadline, strict } = config;
  const hook = JSON.stringify({ deadlineMs: hook_deadline * 1000, strict });
  await writeFileAtomically(join(runtimeDir, 'hook.json'), hook, 0o644);
  await noteConfigInForce(runtimeDir, { ...config });
}

export function openReload(parts: ReloadParts): Reloader {
  const { live, ledger, runtimeDir, log } = parts;
  let readAt = new Date().toISOString();
  let restart: KeyChange[] = [];
  let turn: Promise<unknown> = Promise.resolve();

  const now = async (caller: Caller | undefined): Promise<ReloadAnswer> => {
    const { config: next, warnings } = await loadConfig();
    const plan = planReload({ ...live.config }, next);
    const cause = await parts.noteConfig(next, caller);
    const named = (changes: readonly KeyChange[]) => changes.map(({ key }) => key);
    if (plan.taken.length > 0) {
      await ledger.append(
        entryOf(AGENT, {
          action: 'config_reloaded',
          data: { changes: named(plan.taken), wait_for_restart: named(plan.restart) },
          metadata: { kind: 'event', ...caller?.about },
          ...(cause !== undefined && { cause }),
          ...(caller && { user: caller.user, pid: caller.pid }),
        }),
      );
      live.replace(plan.config);
      await publishConfig(runtimeDir, plan.config);
      log.info(`taken from the configuration: ${named(plan.taken).join(', ')}`);
      parts.onTaken('the configuration changed');
    }
    restart = plan.restart;
    readAt = new Date().toISOString();
    if (restart.length > 0) log.warning(`these wait for a restart: ${named(restart).join(', ')}`);
    return { taken: plan.taken, restart, warnings };
  };

  const reload = (caller?: Caller): Promise<ReloadAnswer> => {
    const mine = turn.then(() => now(caller));
    turn = mine.catch(() => undefined);
    return mine;
  };

  return {
    reload,
    summary: () => ({ read_at: readAt, restart_for: restart.map(({ key }) => key) }),
  };
}
