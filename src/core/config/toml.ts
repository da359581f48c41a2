// TOML text to plain data: the only file that imports @iarna/toml.
import TOML from '@iarna/toml';

export type TomlResult = { ok: true; data: Record<string, unknown> } | { ok: false; problem: string };

/** Never throws; a problem says line and column. */
export function parseToml(text: string): TomlResult {
  try {
    return { ok: true, data: plain(TOML.parse(text)) as Record<string, unknown> };
  } catch (error) {
    return { ok: false, problem: syntaxProblem(error) };
  }
}

/** The library's tables carry symbols and accessors of their own; zod shall see nothing but data. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const table: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    // Assigning it would change the table instead of filling it, and zod passes over it in silence.
    if (key === '__proto__') throw new Error('"__proto__" cannot be a key');
    table[key] = plain(inner);
  }
  return table;
}

/** The library adds a drawing of the place over several lines; its first line says what, `line` and `col` where. */
function syntaxProblem(error: unknown): string {
  const { message, line, col } = error as { message?: unknown; line?: unknown; col?: unknown };
  const what = String(message ?? error)
    .split('\n', 1)
    .join('')
    .replace(/ at row \d+, col \d+, pos \d+:?$/, '');
  return typeof line === 'number' ? `line ${line + 1}, column ${Number(col) + 1}: ${what}` : what;
}
