// Small files of one JSON object a line that only grow.

import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { syncDirectory } from '../../lib/atomic-file.ts';
import { AgentError, isErrno } from '../../lib/errors.ts';
import { openRegular } from '../../lib/open-regular.ts';

/** Appends one line, and returns when the device has it. */
export async function appendLine(path: string, value: object): Promise<void> {
  const isNew = await stat(path).then(
    () => false,
    (error: unknown) => isErrno(error, 'ENOENT'),
  );
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
  const file = await open(path, flags, 0o640);
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    // A power cut in the middle of a line: what comes next begins a line of its own.
    const isTorn = size > 0 && (await file.read(last, 0, 1, size - 1)).bytesRead === 1 && last[0] !== 0x0a;
    await file.writeFile(`${isTorn ? '\n' : ''}${JSON.stringify(value)}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  if (isNew) await syncDirectory(dirname(path));
}

const NEWLINE = 0x0a;

export interface Lines<T> {
  readonly values: T[];
  /** Numbers of lines (from 1) that are none of these; an unfinished last line does not count. */
  readonly bad: number[];
}

/**
 * The lines of a file; none when there is no file. Throws `ledger-evidence-unreadable`.
 *
 * @param last so many bytes of its end, and the whole lines in them; by default all. Numbers of bad lines count from there.
 */
export async function readLines<T>(
  path: string,
  schema: z.ZodType<T>,
  last = Number.POSITIVE_INFINITY,
): Promise<Lines<T>> {
  let bytes: Buffer;
  try {
    bytes = await readEnd(path, last);
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return { values: [], bad: [] };
    throw new AgentError('ledger-evidence-unreadable', `${path} cannot be read.`, { cause });
  }
  const lines: Lines<T> = { values: [], bad: [] };
  let number = 1;
  for (let from = 0, end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
    const line = bytes.subarray(from, end);
    const value = lineAs(line, schema);
    if (value !== undefined) lines.values.push(value);
    else lines.bad.push(number);
    number += 1;
    from = end + 1;
  }
  return lines;
}

async function readEnd(path: string, last: number): Promise<Buffer> {
  const file = await openRegular(path);
  try {
    const { size } = await file.stat();
    if (size <= last) return await file.readFile();
    const bytes = Buffer.alloc(last);
    const { bytesRead } = await file.read(bytes, 0, last, size - last);
    // It begins inside a line.
    return bytes.subarray(bytes.indexOf(NEWLINE) + 1, bytesRead);
  } finally {
    await file.close();
  }
}

/** What a line without its end says; undefined for one that is none of these. */
export function lineAs<T>(line: Buffer, schema: z.ZodType<T>): T | undefined {
  // Other bytes than UTF-8 would be read as characters that nobody wrote.
  if (!isUtf8(line)) return undefined;
  try {
    return schema.safeParse(JSON.parse(line.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
