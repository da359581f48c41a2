// Who a process belongs to: what the kernel and logind say of it, and what it says itself (proc(5), sudo(8)).

import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { redact } from '../../core/ledger/redact.ts';
import { readProc } from '../../core/lib/read-proc.ts';
import { shortened } from '../../core/lib/shortened.ts';

/** What could not be read is left out. */
export const whoSchema = z.strictObject({
  uid: z.number().optional(),
  pid: z.number().optional(),
  /** The kernel's name of the program, and its file. */
  process: z.string().optional(),
  program: z.string().optional(),
  /** Its arguments, without what is secret. */
  command: z.string().optional(),
  /** The login that it came from, whatever user it became later (loginuid of the kernel's audit). */
  login_uid: z.number().optional(),
  login_user: z.string().optional(),
  /** What sudo says in its environment: root can set it to anything. */
  sudo_user: z.string().optional(),
  /** logind's session. */
  session: z.string().optional(),
  /** systemd's unit, where there is no session. */
  unit: z.string().optional(),
});

export type Who = z.infer<typeof whoSchema>;

/** `loginuid` of what no login led to. */
const NO_LOGIN = 0xffffffff;
const COMMAND_MAX = 300;
/** Bytes of an environment, a command line or a list of users that are looked at. */
const READ_MAX = 256 * 1024;

/** Does not throw. `proc` and `passwd` are other places in tests. */
export async function readWho(
  { uid, pid }: { uid: number | undefined; pid: number | undefined },
  { proc = '/proc', passwd = '/etc/passwd' } = {},
): Promise<Who> {
  const known = { ...(uid !== undefined && { uid }), ...(pid !== undefined && { pid }) };
  if (pid === undefined || pid === 0) return known;
  const read = async (name: string) => (await text(join(proc, String(pid), name))) ?? '';
  const [comm, program, cmdline, loginuid, environ, cgroup] = await Promise.all([
    read('comm'),
    readlink(join(proc, String(pid), 'exe')).catch(() => ''),
    read('cmdline'),
    read('loginuid'),
    read('environ'),
    read('cgroup'),
  ]);
  const login = Number.parseInt(loginuid, 10);
  const hasLogin = Number.isInteger(login) && login !== NO_LOGIN;
  const sudo = environ
    .split('\0')
    .find((line) => line.startsWith('SUDO_USER='))
    ?.slice('SUDO_USER='.length);
  return {
    ...known,
    ...told('process', comm.trimEnd()),
    ...told('program', program),
    ...told('command', commandOf(cmdline)),
    ...(hasLogin && { login_uid: login, ...told('login_user', nameOf(login, (await text(passwd)) ?? '')) }),
    ...told('sudo_user', sudo ?? ''),
    ...placeOf(cgroup),
  };
}

/** As strings, for the metadata of a block that tells of something else. */
export function aboutOf({
  process,
  login_user,
  login_uid,
  sudo_user,
  session,
  unit,
}: Who): Record<string, string> {
  const login = login_user ?? (login_uid === undefined ? '' : `uid:${login_uid}`);
  return {
    ...told('caller_process', process ?? ''),
    ...told('caller_login', login),
    ...told('caller_sudo_user', sudo_user ?? ''),
    ...told('caller_session', session ?? ''),
    ...told('caller_unit', unit ?? ''),
  };
}

/** The session or the unit of a cgroup (systemd's names: `session-3.scope`, `ssh.service`); pure. */
export function placeOf(cgroup: string): Pick<Who, 'session' | 'unit'> {
  // The unified hierarchy's line, or with the old ones systemd's own; a host may have both, and use one.
  const lines = cgroup.split('\n').filter((each) => /^(?:0:|\d+:name=systemd:)/.test(each));
  const parts = lines.flatMap((line) => line.split('/'));
  const session = parts.map((part) => /^session-([\w-]{1,64})\.scope$/.exec(part)?.[1]).find(Boolean);
  if (session !== undefined) return { session };
  const unit = parts.findLast((part) => /^[\w@.:\\-]{1,255}\.(?:service|scope)$/.test(part));
  return unit === undefined ? {} : { unit };
}

/** The name of a uid in passwd(5), or nothing; pure. */
export function nameOf(uid: number, passwd: string): string {
  const line = passwd.split('\n').find((each) => each.split(':')[2] === String(uid));
  return line?.split(':')[0] ?? '';
}

function commandOf(cmdline: string): string {
  const args = cmdline.replace(/\0+$/, '').split('\0');
  return shortened((redact(args) as string[]).join(' '), COMMAND_MAX);
}

/** One key, unless there is nothing to say; never longer than a name is. */
function told<K extends string>(key: K, value: string): { [k in K]?: string } {
  const max = key === 'command' ? COMMAND_MAX : 255;
  return value === '' ? {} : ({ [key]: shortened(value, max) } as { [k in K]?: string });
}

async function text(path: string): Promise<string | undefined> {
  try {
    const content = await readProc(path);
    return content.slice(0, READ_MAX);
  } catch {
    return undefined;
  }
}
