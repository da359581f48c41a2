// Finds the commands in a text for people: what stands in it to be run.

const PROGRAMS = [
  '(?:sudo )?ovs-port-agent(?= [a-z])',
  'systemctl',
  'journalctl',
  'apt(?:-get)? install',
  'dpkg-reconfigure',
  'ovs-vsctl',
  'chmod',
  'modprobe',
  'sysctl',
  'rm',
  'ip link',
  'qm',
  'pct',
  'pvecm',
];

const BEGIN = String.raw`(?:^|[:;(\x60]\s*|,\s+then\s+|\b[Tt]hen:?\s+|\bRun:?\s+|\bas\s+|\bsee\s+)`;

/** Prose ends a command: what follows it in brackets, after a semicolon, a comma with a blank, or as the next sentence. */
const COMMAND = new RegExp(`${BEGIN}((?:${PROGRAMS.join('|')})(?: [^;(),\x60]*[^;(),\x60. ])?)`, 'g');

/** Words with which the sentence goes on after a command. */
const PROSE =
  /(?:\.\s| says?\b| and restart| lists | shows | does\b| names | puts | before | when | on the host| on another| for | if ).*$/s;

export function commandsIn(text: string): string[] {
  const found: string[] = [];
  for (let rest = text; rest !== ''; ) {
    COMMAND.lastIndex = 0;
    const match = COMMAND.exec(rest);
    if (match === null) break;
    const command = (match[1] ?? '').replace(PROSE, '').replace(/[.:]$/, '').trim();
    if (command !== '') found.push(command);
    // A command may begin where the one before it has ended.
    rest = rest.slice(match.index + match[0].length);
  }
  return found;
}
