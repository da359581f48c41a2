// What the hooks' stub writes into the agent's socket: the words it was called with, each ended by a NUL as the kernel has them.
//
// The stub (packaging/deb/hook.pl) sends one request and closes its side. The agent says "heard" at once, then one line: the
// exit code, a space, the text for the task log. A line that is neither, or none, makes the stub become the Node hook.

import { z } from 'zod';

export const HOOK_SOCKET = 'hook.sock';
/** Bytes; the longest that LXC and Proxmox say is far below. */
export const HOOK_REQUEST_MAX = 65_536;
const MAGIC = 'ovs-port-agent hook 1';

const text = z.string().max(HOOK_REQUEST_MAX);
const requestSchema = z.strictObject({
  kind: z.enum(['proxmox', 'lxc']),
  /** Of the event: the Node hook, should it take over, sends the same. */
  id: z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'is no UUID'),
  pid: z.coerce.number().int().positive(),
  argv: z.array(text).max(64),
  env: z.record(text, text),
});

export type HookRequest = z.infer<typeof requestSchema>;

/** Undefined for what no stub of ours has written. */
export function parseHookRequest(bytes: Buffer): HookRequest | undefined {
  if (bytes.length > HOOK_REQUEST_MAX) return undefined;
  const [magic, kind, id, pid, count = '', ...words] = bytes.toString('utf8').split('\0');
  if (magic !== MAGIC || !/^[0-9]{1,2}$/.test(count) || words.length < Number(count)) return undefined;
  const env: [string, string][] = [];
  for (const word of words.slice(Number(count))) {
    const at = word.indexOf('=');
    if (at < 1) return undefined;
    env.push([word.slice(0, at), word.slice(at + 1)]);
  }
  const argv = words.slice(0, Number(count));
  const parsed = requestSchema.safeParse({ kind, id, pid, argv, env: Object.fromEntries(env) });
  return parsed.success ? parsed.data : undefined;
}

/** The answer's line; line ends in the text would end it early. */
export function hookAnswer(exitCode: 0 | 3, line: string): string {
  return `${exitCode} ${line.replace(/\s*[\r\n]+\s*/g, ' ')}\n`;
}
