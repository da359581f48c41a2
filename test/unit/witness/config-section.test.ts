// The keys of the configuration that are about witnesses: what they accept, and what they say of the rest.

import { describe, expect, it } from 'vitest';
import { examineConfig, parseConfig } from '../../../src/core/config/parse-config.ts';
import { cosignerOf } from '../../../src/core/ledger/note/cosignature.ts';
import { newSigner, verifierText } from '../../../src/core/ledger/note/keys.ts';
import { parseListen } from '../../../src/witness/config-section.ts';

const signer = newSigner('other.example');
const log = verifierText(signer.verifier);
const witness = verifierText(cosignerOf(signer.verifier));
const problemsOf = (text: string) => examineConfig(text).problems;

describe('the section [witness]', () => {
  it('is off by default', () => {
    const { config } = parseConfig('', 'none');
    expect(config.witness).toEqual({ listen: '', https: false, name: '', logs: [], cluster: false });
    expect(config.ledger.witnesses).toEqual([]);
  });

  it.each([
    ['192.0.2.10:7380', { host: '192.0.2.10', port: 7380 }],
    ['[2001:db8::1]:443', { host: '2001:db8::1', port: 443 }],
    ['0.0.0.0:7380', { host: '0.0.0.0', port: 7380 }],
  ])('takes %j for an address and a port', (text, place) => {
    expect(parseListen(text)).toEqual(place);
    expect(problemsOf(`[witness]\nlisten = ${JSON.stringify(text)}`)).toEqual([]);
  });

  it.each([
    ...['7380', ':7380', 'localhost:7380', '192.0.2.10', '192.0.2.10:0', '192.0.2.10:70000', '192.0.2.10:'],
    ...['2001:db8::1:443', '[192.0.2.1]:1', '192.0.2.1:1\n'],
  ])('takes %j for none', (text) => {
    expect(parseListen(text)).toBeUndefined();
    expect(problemsOf(`[witness]\nlisten = ${JSON.stringify(text)}`)).toHaveLength(1);
  });

  it("takes logs' keys, and says what is wrong with others", () => {
    expect(problemsOf(`[witness]\nlogs = ["${log}", "${'ab'.repeat(32)}"]`)).toEqual([]);
    const [problem] = problemsOf(`[witness]\nlogs = ["${witness}"]`);
    expect(problem).toMatch(/^witness\.logs\[0\]: must be a public key .* this is the key of a witness$/);
    expect(problemsOf('[witness]\nlogs = ["x"]')).toHaveLength(1);
  });
});

describe('[[ledger.witnesses]]', () => {
  it('takes a key and a URL for each', () => {
    const text = `[[ledger.witnesses]]\nkey = "${witness}"\nurl = "https://w.example/a/"\n`;
    expect(parseConfig(text, 'one').config.ledger.witnesses).toEqual([
      { key: witness, url: 'https://w.example/a/', ca: '' },
    ]);
  });

  it.each([
    [
      'a key twice',
      `key = "${witness}"\nurl = "http://a/"\n[[ledger.witnesses]]\nkey = "${witness}"\nurl = "http://b/"`,
      'twice',
    ],
    ["a log's key", `key = "${log}"\nurl = "http://a/"`, 'type 4'],
    ['another protocol', `key = "${witness}"\nurl = "file:///etc/shadow"`, 'ledger.witnesses[0].url'],
    ['a password in the URL', `key = "${witness}"\nurl = "http://a:b@c/"`, 'ledger.witnesses[0].url'],
    ['no URL', `key = "${witness}"`, 'ledger.witnesses[0].url'],
    ['words for a URL', `key = "${witness}"\nurl = "my friend"`, 'ledger.witnesses[0].url'],
    ['an unknown key', `key = "${witness}"\nurl = "http://a/"\nname = "x"`, 'unknown key'],
    ['a relative path', `key = "${witness}"\nurl = "http://a/"\nca = "ca.pem"`, 'absolute'],
  ])('refuses %s', (_, text, why) => {
    expect(problemsOf(`[[ledger.witnesses]]\n${text}`).join('\n')).toContain(why);
  });
});
