// Writes a name into a command that people are to copy, so that it stays one word and nothing in it is run.

/** As a POSIX shell takes it: the name itself where that is plain, else in single quotes. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
