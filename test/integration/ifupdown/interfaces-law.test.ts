// For every interfaces file: what Proxmox's writer keeps with our edit is what it keeps without, plus what is ours, once.
// Proxmox's reader and writer are the stand-ins of the test hosts, which give what Proxmox's own code gives (see there).

import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Edited, edit, type InterfacesSpec, withoutOurs } from '../../../src/ifupdown/edit.ts';
import { EXEMPTION_KEY, EXEMPTION_VALUE } from '../../../src/ifupdown/ifreload-exemption.ts';
import { MARK } from '../../../src/ifupdown/ours.ts';

const HOST = fileURLToPath(new URL('../../lab/host', import.meta.url));
const SAVE = `
import json, sys
sys.path.insert(0, sys.argv[1])
from pve import interfaces, interfaces_writer
from pve.task import TaskError
def save(text):
    try:
        return interfaces_writer.write(*interfaces.read(text, ['eno1', 'eno2']))
    except TaskError:
        return None
json.dump([save(text) for text in json.load(sys.stdin)], sys.stdout)
`;

/** What a change in the web interface makes of each file; null where Proxmox refuses to write. One character is one byte. */
async function saved(texts: readonly string[]): Promise<(string | null)[]> {
  const { stdout } = await execa('python3', ['-c', SAVE, HOST], { input: JSON.stringify(texts) });
  return JSON.parse(stdout) as (string | null)[];
}

const OURS = `\t${EXEMPTION_KEY} ${EXEMPTION_VALUE}`;

const names = fc.constantFrom(
  'vmbr0',
  'vmbr0',
  'vmbr1',
  'eno1',
  'bond0',
  'svc0',
  'vlan5',
  'vx1',
  'lo',
  'gre0',
);
const header = fc.tuple(
  names,
  fc.constantFrom(' inet static', ' inet manual', ' inet manual', ' inet6 static', ' inet dhcp', '', ' inet'),
);
const option = fc.constantFrom(
  'ovs_type OVSBridge',
  'ovs_type OVSBridge',
  'ovs_type OVSBridge',
  'ovs-type OVSBridge',
  'address 10.0.0.1/24',
  'netmask 255.255.255.0',
  'address 2001:db8::1/64',
  'gateway 10.0.0.254',
  'ovs_type OVSIntPort',
  'ovs_ports eno1 svc0',
  'ovs_bridge vmbr0',
  'ovs_options tag=5 tag=6',
  'ovs_mtu 1500',
  'up echo M\xc3\xbcller \xa0 x',
  'ovs_extra set Port x tag=1',
  'post-up a \\',
  'bridge-ports none',
  'bond-slaves eno1 eno2',
  'bond-mode 1',
  'vlan-raw-device eno1',
  'vxlan-id 7',
  'vxlan-remoteip 192.0.2.4',
  `${EXEMPTION_KEY} ^(tap|vi)`,
  `${EXEMPTION_KEY} ${EXEMPTION_VALUE}`,
);
const line = fc.oneof(
  { weight: 8, arbitrary: option.map((text) => `\t${text}`) },
  { weight: 1, arbitrary: fc.constantFrom('# M\xfcller \xc3\xa0', '\t#x  ', '#', MARK, '   ', 'junk') },
);
const stanza = fc
  .tuple(
    fc.option(fc.constantFrom('auto', 'allow-hotplug', 'allow-ovs')),
    header,
    fc.array(line, { maxLength: 5 }),
    fc.boolean(),
  )
  .map(([start, [name, rest], body, blank]) => [
    ...(start === null ? [] : [`${start} ${name}`]),
    `iface ${name}${rest}`,
    ...body,
    ...(blank ? [''] : []),
  ]);
const outside = fc.constantFrom(
  'source /etc/network/interfaces.d/*',
  'mapping eth0',
  '# outside',
  'allow-vmbr0 eno1 eno2',
  'rename a=b',
  '',
);
const file = fc
  .tuple(
    fc.constantFrom('', '', '', '', '\xef\xbb\xbf'),
    fc.array(
      fc.oneof({ weight: 5, arbitrary: stanza }, { weight: 1, arbitrary: outside.map((text) => [text]) }),
      { maxLength: 6 },
    ),
    fc.constantFrom('\n', '\n', '\n', '\r\n'),
    fc.boolean(),
  )
  .map(([mark, parts, eol, ended]) => mark + parts.flat().join(eol) + (ended ? eol : ''));

const specOf = (...bridges: string[]): InterfacesSpec => ({
  bridges: bridges.map((name) => ({ name, addresses: ['203.0.113.1/24'], present: true })),
  networkManager: new Set(),
  sourced: new Set(),
});

const RUNS = 2000;

async function forAll(
  of: (text: string) => Edited,
  law: (before: string | null, after: string | null, edited: Edited) => void,
): Promise<void> {
  // What an earlier edit left is not the user's.
  const files = fc.sample(file, RUNS).map((text) => withoutOurs(text).text);
  const edited = files.map(of);
  const all = await saved([...files, ...edited.map(({ text }) => text)]);
  for (const [at, change] of edited.entries()) {
    try {
      law(all[at] ?? null, all[RUNS + at] ?? null, change);
    } catch (error) {
      throw new Error(`${JSON.stringify(files[at])}: ${String(error)}`);
    }
  }
}

describe('with our edit Proxmox’s next save', () => {
  it('has our option once in the stanza of each bridge that got it, and is else what it would have been', async () => {
    let protectedOnes = 0;
    await forAll(
      (text) => edit(text, specOf()),
      (before, after, { changes }) => {
        expect(after === null).toBe(before === null);
        if (before === null || after === null) return;
        const lines = after.split('\n');
        expect(lines.filter((text) => text.trimEnd() !== OURS).join('\n')).toBe(before);
        const bridges = changes.filter(({ kind }) => kind === 'ports-protected').map(({ bridge }) => bridge);
        protectedOnes += bridges.length;
        const has = (name: string) =>
          after
            .split('\n\n')
            .filter((part) => new RegExp(`^(?:auto ${name}\\n)?iface ${name}(?: |\\n)`).test(part))
            .flatMap((part) => part.split('\n').filter((text) => text.trimEnd() === OURS));
        for (const bridge of bridges) expect(has(bridge)).toHaveLength(1);
        expect(lines.filter((text) => text.trimEnd() === OURS)).toHaveLength(bridges.length);
      },
    );
    expect(protectedOnes).toBeGreaterThan(RUNS / 20);
  }, 120_000);

  it('has the stanza of a bridge of ours once, and every line that it would have had', async () => {
    await forAll(
      (text) => edit(text, specOf('ovsbr0')),
      (before, after, { changes, refusals }) => {
        expect(after === null).toBe(before === null);
        if (before === null || after === null) return;
        const added = changes.some(({ kind }) => kind === 'stanza-added');
        expect(added || refusals.length > 0).toBe(true);
        // A last line without an end got one: it may differ by a carriage return.
        const linesOf = (text: string) =>
          text
            .split('\n')
            .map((part) => part.trimEnd())
            .filter(Boolean);
        const left = linesOf(after).filter((text) => text !== OURS);
        const own = ['iface ovsbr0 inet static', '\taddress 203.0.113.1/24', '\tovs_type OVSBridge', MARK];
        for (const text of linesOf(before)) left.splice(left.indexOf(text), left.includes(text) ? 1 : 0);
        expect(left.sort()).toEqual(added ? own.sort() : []);
      },
    );
  }, 120_000);
});
