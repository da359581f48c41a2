// What we do to an interfaces file, on Proxmox's own examples and on whatever else may stand in one.

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { edit, type InterfacesSpec, withoutOurs } from '../../../src/ifupdown/edit.ts';
import { EXEMPTION_VALUE } from '../../../src/ifupdown/ifreload-exemption.ts';
import { joinLines, splitLines } from '../../../src/ifupdown/lines.ts';
import { MARK } from '../../../src/ifupdown/ours.ts';

const VECTORS = new URL('./vectors/', import.meta.url);
const vectors = readdirSync(VECTORS).filter((name) => /\.(in|out)$/.test(name));
const vector = (name: string) => readFileSync(new URL(name, VECTORS), 'latin1');

const CONDONE = `ovs-ports-condone-regex ${EXEMPTION_VALUE}`;
const bridge = (name: string, ...addresses: string[]) => ({ name, addresses, present: true });
const wishes = (more: Partial<InterfacesSpec> = {}): InterfacesSpec => ({
  bridges: [bridge('ovsbr0', '203.0.113.1/24')],
  networkManager: new Set(),
  sourced: new Set(),
  ...more,
});
const nothing = wishes({ bridges: [] });
const VMBR0 =
  'auto vmbr0\niface vmbr0 inet static\n\taddress 192.0.2.2/24\n\tovs_type OVSBridge\n\tovs_ports eno1\n';

describe('a bridge that the agent makes', () => {
  it('gets a stanza of its own at the end, that nothing starts at boot', () => {
    expect(edit(VMBR0, wishes()).text.split('\n').slice(6)).toEqual([
      '',
      'iface ovsbr0 inet static',
      '\taddress 203.0.113.1/24',
      '\tovs_type OVSBridge',
      `\t${CONDONE}`,
      MARK,
      '',
    ]);
  });

  it('shows the first address of each family, all that Proxmox has room for', () => {
    const addresses = ['2001:db8::1/64', '203.0.113.1/24', '198.51.100.1/24', '2001:db8:1::1/64'];
    const { text } = edit('', wishes({ bridges: [bridge('ovsbr0', ...addresses)] }));
    expect(text.match(/^\taddress .*$/gm)).toEqual(['\taddress 203.0.113.1/24', '\taddress 2001:db8::1/64']);
    expect(text.match(/^iface .*$/gm)).toEqual(['iface ovsbr0 inet static', 'iface ovsbr0 inet6 static']);
  });

  it('gets none while it does not exist, and keeps the one it has', () => {
    const absent = wishes({ bridges: [{ ...bridge('ovsbr0', '203.0.113.1/24'), present: false }] });
    expect(edit('auto lo\n', absent)).toMatchObject({ text: 'auto lo\n', changes: [], refusals: [] });
    const there = edit('auto lo\n', wishes()).text;
    expect(edit(there, absent).text).toBe(there);
  });

  it('loses the stanza when the configuration does not name it any more', () => {
    const there = edit(VMBR0, wishes()).text;
    const { text, changes } = edit(there, nothing);
    expect(text).toBe(edit(VMBR0, nothing).text);
    expect(changes).toEqual([{ bridge: 'ovsbr0', kind: 'stanza-removed' }]);
  });

  it('has its stanza follow the configuration', () => {
    const there = edit(VMBR0, wishes()).text;
    const moved = wishes({ bridges: [bridge('ovsbr0', '198.51.100.1/24')] });
    expect(edit(there, moved)).toMatchObject({ text: edit(VMBR0, moved).text });
    expect(edit(there, moved).changes).toEqual([{ bridge: 'ovsbr0', kind: 'stanza-changed' }]);
  });

  it.each([['bridge_ports none'], ['bridge-ports eno2'], ['ovs_type OVSIntPort']])(
    'is refused where the file has the name with "%s"',
    (option) => {
      const text = `iface ovsbr0 inet manual\n\t${option}\n`;
      const { text: after, refusals } = edit(text, wishes());
      expect(after).toBe(text);
      expect(refusals).toHaveLength(1);
      expect(refusals[0]?.reason).toContain('not an OVS bridge');
    },
  );

  it('is left to the user who has an OVS bridge of that name in the file', () => {
    const text = 'iface ovsbr0 inet manual\n\tovs_type OVSBridge\n';
    const { changes, refusals } = edit(text, wishes());
    expect(changes).toEqual([{ bridge: 'ovsbr0', kind: 'ports-protected' }]);
    expect(refusals).toEqual([]);
  });

  it('is left to the user also where a second stanza gives it an IPv6 address', () => {
    const text = `${VMBR0}\niface vmbr0 inet6 static\n\taddress 2001:db8::2/64\n`;
    const { refusals } = edit(text, wishes({ bridges: [bridge('vmbr0')] }));
    expect(refusals).toEqual([]);
  });

  it('is refused where the file starts it at boot without saying what it is', () => {
    const text = 'auto lo ovsbr0\n';
    expect(edit(text, wishes())).toMatchObject({ text, refusals: [{ bridge: 'ovsbr0' }] });
  });

  it('is refused when NetworkManager owns it, and an earlier stanza goes', () => {
    const owned = wishes({ networkManager: new Set(['ovsbr0']) });
    expect(edit('auto lo\n', owned)).toMatchObject({ text: 'auto lo\n', refusals: [{ bridge: 'ovsbr0' }] });
    expect(edit(edit('auto lo\n', wishes()).text, owned).text).toBe('auto lo\n');
  });

  it('is refused when a sourced file defines it', () => {
    expect(edit('', wishes({ sourced: new Set(['ovsbr0']) })).text).toBe('');
  });

  it.each(['br"0', 'br$0', 'lo', 'br[1-3]', '#br'])('is refused under the name %s', (name) => {
    const { text, refusals } = edit('auto lo\n', wishes({ bridges: [bridge(name)] }));
    expect([text, refusals.length]).toEqual(['auto lo\n', 1]);
  });

  it('is refused where ifupdown2 would join it to a line that ends with a backslash', () => {
    const text = 'iface eth0 inet manual\n\tup echo \\\n\n';
    expect(edit(text, wishes())).toMatchObject({ text, refusals: [{ bridge: 'ovsbr0' }] });
  });
});

describe('a stanza that the user changed', () => {
  const there = edit(VMBR0, wishes()).text;

  it.each([
    ['ports', there.replace(`\t${CONDONE}\n#`, `\tovs_ports eno2\n\t${CONDONE}\n#`)],
    ['autostart', there.replace('iface ovsbr0', 'auto ovsbr0\niface ovsbr0')],
    ['another method', there.replace('ovsbr0 inet static', 'ovsbr0 inet dhcp')],
  ])('by adding %s is theirs: removal takes our mark and option, and leaves the rest', (_what, text) => {
    const left = withoutOurs(text);
    expect(left.changes).toContainEqual({ bridge: 'ovsbr0', kind: 'stanza-left' });
    expect(left.text).toContain('iface ovsbr0 inet');
    expect(left.text).toContain('ovs_type OVSBridge');
    expect(left.text).not.toContain('ovs-port-agent');
    expect(edit(text, wishes({ bridges: [bridge('ovsbr0', '198.51.100.9/24')] })).text).toContain(
      '203.0.113.1/24',
    );
  });

  it('by a comment of their own goes, and the comment stays', () => {
    const text = there.replace(MARK, `${MARK}\n# for the laboratory`);
    expect(withoutOurs(text).text).toBe(`${VMBR0}\n# for the laboratory\n`);
  });

  it('by deleting our comment is theirs', () => {
    const text = there.replace(`${MARK}\n`, '');
    expect(withoutOurs(text).text).toContain(
      'iface ovsbr0 inet static\n\taddress 203.0.113.1/24\n\tovs_type OVSBridge\n',
    );
  });
});

describe('the ports of guests', () => {
  it('are protected in the stanza of every OVS bridge, behind its last option', () => {
    const { text, changes } = edit(VMBR0, nothing);
    expect(text).toBe(`${VMBR0}\t${CONDONE}\n`);
    expect(changes).toEqual([{ bridge: 'vmbr0', kind: 'ports-protected' }]);
  });

  it.each([
    ['before a comment', 'iface b inet manual\n  ovs_type OVSBridge\n# c\n', 2, `  ${CONDONE}`],
    ['with CRLF', 'iface b inet manual\r\n\tovs_type OVSBridge\r\n', 2, `\t${CONDONE}`],
    ['without a final line end', 'iface b inet manual\n\tovs_type OVSBridge', 2, `\t${CONDONE}`],
    [
      'behind a first line that a blank line follows',
      'iface b inet manual\n\n ovs_type OVSBridge\n',
      1,
      `\t${CONDONE}`,
    ],
  ])('are protected %s', (_what, text, at, line) => {
    const { text: after } = edit(text, nothing);
    expect(after.split(/\r?\n/)[at]).toBe(line);
    expect(after.includes('\r\n')).toBe(text.includes('\r\n'));
    expect(after.endsWith('\n')).toBe(text.endsWith('\n'));
    expect(withoutOurs(after).text).toBe(text);
  });

  it('are protected once, in the one of two stanzas that says it is a bridge', () => {
    const inet6 = '\niface vmbr0 inet6 static\n\taddress 2001:db8::2/64\n';
    expect(edit(VMBR0 + inet6, nothing).text).toBe(`${VMBR0}\t${CONDONE}\n${inet6}`);
  });

  it('are not protected on a Linux bridge, or outside bridges', () => {
    const text =
      'iface vmbr1 inet manual\n\tbridge-ports eno1\n\niface eno1 inet manual\n\tovs_type OVSPort\n';
    expect(edit(text, nothing)).toMatchObject({ text, changes: [] });
  });

  it.each([
    ['^(tap|veth|vi)', 0],
    ['.*', 0],
    ['^(tap|veth|fwln|vi[0-9]|mine)(?#ovs-port-agent)', 0],
    ['^(tap|veth|fwln)', 1],
    ['vi[0-9]$', 1],
    ['(?P<a>vi)', 1],
    ['(', 1],
  ])('are left to an option of the user: %s gives %i warning', (pattern, warnings) => {
    const text = `${VMBR0}\tovs_ports_condone_regex ${pattern}\n`;
    const { text: after, refusals } = edit(text, nothing);
    expect([after, refusals.length]).toEqual([text, warnings]);
  });

  it.each([
    ['a continued line', 'iface b inet manual\n\tovs_type OVSBridge\n\tovs_ports eno1 \\\n\t\teno2\n'],
    ['a first line of another form', 'iface b inherits a\n\tovs_type OVSBridge\n'],
    ['a continued first line', 'iface b \\\n inet manual\n\tovs_type OVSBridge\n'],
  ])('are not protected, and the reason is given, in a stanza with %s', (_what, text) => {
    expect(edit(text, nothing)).toMatchObject({ text, refusals: [{ bridge: 'b' }] });
  });

  it('are not protected on a bridge of NetworkManager, and the reason is given', () => {
    const owned = wishes({ bridges: [], networkManager: new Set(['vmbr0']) });
    expect(edit(VMBR0, owned)).toMatchObject({ text: VMBR0, refusals: [{ bridge: 'vmbr0' }] });
    expect(edit(edit(VMBR0, nothing).text, owned).text).toBe(VMBR0);
  });

  it('are not protected while a changed stanza would take the bridge down', () => {
    const frozen = wishes({ bridges: [], frozen: 'ifupdown2 takes changed interfaces down' });
    const reason = 'ifupdown2 takes changed interfaces down';
    expect(edit(VMBR0, frozen)).toMatchObject({ text: VMBR0, refusals: [{ bridge: 'vmbr0', reason }] });
  });
});

describe("after Proxmox's own writer", () => {
  // As `__write_etc_network_interfaces` leaves it: sorted by type, options first, comments last, mark in the first.
  const both = wishes({ bridges: [bridge('ovsbr0', '203.0.113.1/24', '2001:db8::1/64')] });
  const written = `${vector('if1.ifupdown2.out')
    .replace('#comment of vmbr0\n', `\t${CONDONE}\n#comment of vmbr0\n`)
    .replace(
      'auto br-nm\n',
      `iface ovsbr0 inet static\n\taddress 203.0.113.1/24\n\tovs_type OVSBridge\n\t${CONDONE}\n${MARK}\n\niface ovsbr0 inet6 static\n\taddress 2001:db8::1/64\n\nauto br-nm\n`,
    )
    .replace('# END second block\n\nsource', `\t${CONDONE}\n# END second block\n\nsource`)}`;

  it('everything of ours is recognised, and nothing is to be done', () => {
    expect(edit(written, both)).toMatchObject({ text: written, changes: [], refusals: [] });
  });

  it('removal leaves what Proxmox would have written without us', () => {
    expect(withoutOurs(written).text).toBe(vector('if1.ifupdown2.out'));
  });

  it('an option that it moved away from "ovs_type" follows', () => {
    const text = `iface b inet static\n\taddress 192.0.2.1/24\n\tovs_type OVSBridge\n\niface b inet6 static\n\taddress 2001:db8::1/64\n\t${CONDONE}\n`;
    const { text: after } = edit(text, nothing);
    expect(after).toBe(
      text.replace(`\t${CONDONE}\n`, '').replace('OVSBridge\n', `OVSBridge\n\t${CONDONE}\n`),
    );
  });
});

describe.each(vectors)('%s', (name) => {
  const text = vector(name);

  it('is changed in nothing but lines that are added, and back byte for byte', () => {
    const edited = edit(text, wishes());
    expect(edited.diff.filter(({ sign }) => sign === '-')).toEqual([]);
    expect(edited.text).not.toBe(text);
    expect(withoutOurs(edited.text).text).toBe(text);
    expect(edit(edited.text, wishes())).toMatchObject({ text: edited.text, changes: [] });
  });
});

describe('whatever the file is', () => {
  const word = fc.constantFrom(
    'auto',
    'iface',
    'ovsbr0',
    'vmbr0',
    'inet',
    'inet6',
    'static',
    'manual',
    'allow-vmbr0',
  );
  const line = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...VMBR0.split('\n'), ...vector('misc.in').split('\n')) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(`\t${CONDONE}`, MARK, `\t${MARK}`, '', '   ', 'iface ovsbr0 inet static'),
    },
    { weight: 1, arbitrary: fc.array(word, { maxLength: 5 }).map((words) => words.join(' ')) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('source x', 'mapping eth0', '\tovs_ports a \\', 'allow-hotplug b', '\\'),
    },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    },
  );
  const file = fc
    .tuple(
      fc.array(fc.tuple(line, fc.constantFrom('\n', '\n', '\n', '\r\n')), { maxLength: 14 }),
      fc.boolean(),
    )
    .map(([lines, cut]) => {
      const text = lines.map(([content, eol]) => content + eol).join('');
      return cut ? text.replace(/\r?\n$/, '') : text;
    });
  const clean = file.map((text) => withoutOurs(text).text).filter((text) => withoutOurs(text).text === text);
  const spec = fc
    .record({
      names: fc.uniqueArray(fc.constantFrom('ovsbr0', 'ovsbr1', 'vmbr0', 'br-nm'), { maxLength: 3 }),
      addresses: fc.subarray(['203.0.113.1/24', '2001:db8::1/64']),
      present: fc.boolean(),
      networkManager: fc.subarray(['vmbr0', 'ovsbr1']).map((names) => new Set(names)),
    })
    .map(({ names, addresses, present, networkManager }) =>
      wishes({ bridges: names.map((name) => ({ name, addresses, present })), networkManager }),
    );
  const runs = { numRuns: 500 };

  it('its lines, joined, are it again', () => {
    fc.assert(
      fc.property(file, (text) => joinLines(splitLines(text)) === text),
      runs,
    );
  });

  it('removal gives back, byte for byte, what was there', () => {
    fc.assert(
      fc.property(clean, spec, (text, wished) => {
        expect(withoutOurs(edit(text, wished).text).text).toBe(text);
      }),
      runs,
    );
  });

  it('a second edit changes nothing', () => {
    // The first of two bridges waits for a last line that must not be joined, and the second may not take that away.
    const joined = `iface vmbr0 inet static\n${MARK}\nsource x\n\tovs_ports a \\\n`;
    const both = wishes({ bridges: [bridge('ovsbr0', '203.0.113.1/24'), bridge('vmbr0', '203.0.113.2/24')] });
    fc.assert(
      fc.property(file, spec, (text, wished) => {
        const once = edit(text, wished);
        expect(edit(once.text, wished)).toMatchObject({
          text: once.text,
          changes: [],
          refusals: once.refusals,
        });
      }),
      { ...runs, examples: [[joined, both]] },
    );
  });

  it('a second removal changes nothing', () => {
    fc.assert(
      fc.property(file, (text) => {
        const once = withoutOurs(text).text;
        expect(withoutOurs(once).text).toBe(once);
      }),
      runs,
    );
  });

  it('the change and the difference shown are the same', () => {
    const refused =
      'iface auto auto\n\tovs_type OVSBridge\n\tovs-ports-condone-regex ^(tap|veth|fwln|vi[0-9])(?#ovs-port-agent)\n';
    fc.assert(
      fc.property(file, spec, (text, wished) => {
        const { text: after, diff, changes } = edit(text, wished);
        const side = (sign: string) => diff.filter((each) => each.sign !== sign).map((each) => each.text);
        expect(side('+')).toEqual(splitLines(text).map((each) => each.text));
        expect(side('-')).toEqual(splitLines(after).map((each) => each.text));
        expect(changes.length > 0).toBe(text !== after);
      }),
      { ...runs, examples: [[refused, nothing]] },
    );
  });
});
