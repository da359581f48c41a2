// The journal: one line an event on standard output, with systemd's priority prefix (sd-daemon(3)).

export interface Log {
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
}

export function journalLog(write: (line: string) => void): Log {
  const line = (priority: number) => (text: string) =>
    write(`<${priority}>${text.replace(/\s*[\r\n]+\s*/g, ' ')}\n`);
  return { info: line(6), warning: line(4), error: line(3) };
}
