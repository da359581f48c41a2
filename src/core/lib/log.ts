// The agent's log: one line an event on standard output; for the journal with systemd's priority prefix (sd-daemon(3)).

import { fstatSync } from 'node:fs';

export interface Log {
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
}

export function journalLog(write: (line: string) => void): Log {
  return logWith((priority, text) => write(`<${priority}>${text}\n`));
}

/** For who runs the agent by hand. */
export function plainLog(write: (line: string) => void): Log {
  const words: Readonly<Record<number, string>> = { 3: 'error: ', 4: 'warning: ' };
  return logWith((priority, text) => write(`${words[priority] ?? ''}${text}\n`));
}

function logWith(print: (priority: number, text: string) => void): Log {
  const line = (priority: number) => (text: string) => print(priority, text.replace(/\s*[\r\n]+\s*/g, ' '));
  return { info: line(6), warning: line(4), error: line(3) };
}

/** Whether the descriptor leads to the journal: `$JOURNAL_STREAM` is its device and inode then (systemd.exec(5)). */
export function isJournal(fd: number, env: Readonly<Record<string, string | undefined>>): boolean {
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return env.JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
