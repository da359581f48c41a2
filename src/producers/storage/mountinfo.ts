// Which file system a path lies on, by /proc/PID/mountinfo (proc(5)); pure.

export interface Mount {
  /** Mount point. */
  at: string;
  /** Such as `/dev/sda1`, or what the file system calls itself. */
  source: string;
  type: string;
  /** What can be done: read-only when the mount or the file system is. */
  access: 'rw' | 'ro';
}

/** In the order in which they were mounted. Lines that are none are left out. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [at, options] = [fields[4], fields[5]];
    const [type, source, superOptions] = dash < 0 ? [] : fields.slice(dash + 1);
    if (at === undefined || options === undefined || type === undefined || source === undefined) return [];
    const isReadOnly = [options, superOptions ?? ''].some((each) => each.split(',').includes('ro'));
    return [{ at: plain(at), source: plain(source), type: plain(type), access: isReadOnly ? 'ro' : 'rw' }];
  });
}

/** The mount that `path` lies on: the deepest, and of those at one place the last. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    if (isBelow(path, mount.at) && mount.at.length >= (found?.at.length ?? 0)) found = mount;
  }
  return found;
}

function isBelow(path: string, at: string): boolean {
  return at === '/' || path === at || path.startsWith(`${at}/`);
}

/** Blanks and backslashes are written as three octal digits. */
function plain(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
