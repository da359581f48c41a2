// The policy file: what is read, what is refused, and whether enough witnesses have cosigned.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkpointText } from '../../../../../src/core/ledger/note/checkpoint.ts';
import { cosign, cosignerOf } from '../../../../../src/core/ledger/note/cosignature.ts';
import {
  newSigner,
  opensshText,
  readVerifier,
  SIGNATURE,
  type Signer,
  sigsumVerifier,
  verifierText,
} from '../../../../../src/core/ledger/note/keys.ts';
import { cosignedEnough, parsePolicy } from '../../../../../src/core/ledger/note/policy.ts';
import { parseNote, signNote } from '../../../../../src/core/ledger/note/signed-note.ts';

const ORIGIN = 'host.example/ledger';
const log = newSigner(ORIGIN);
const logKey = verifierText(log.verifier);
const cosigners = Array.from({ length: 5 }, (_, i) => newSigner(`witness.example/w${i}`));
const keyOf = (signer: Signer) => verifierText(cosignerOf(signer.verifier));
const [w0, w1, w2, w3, w4] = cosigners.map(keyOf);
const text = checkpointText({ origin: ORIGIN, size: 7, root: Buffer.alloc(32, 7) });

function noteBy(signers: readonly Signer[], by: readonly Signer[] = [log]) {
  return parseNote(
    signNote(text, by) + signers.map((signer, i) => cosign(text, signer, 1_700_000_000 + i)).join(''),
  );
}

const TWO_LEVELS = `# who, and how many
log ${logKey} https://log.example/
\twitness X1 ${w0}  https://w0.example
witness X2 ${w1}
witness X3 ${w2}
group X 2 X1 X2 X3
witness Y1 ${w3}
witness Y2 ${w4}
group Y any Y1 Y2
group both all X Y
quorum both
`;

describe('a policy', () => {
  it('of two groups is met by two of the one and one of the other, and by nothing less', () => {
    const policy = parsePolicy(TWO_LEVELS);
    expect(policy.witnesses.map(({ name, url }) => [name, url])).toEqual([
      ['X1', 'https://w0.example'],
      ['X2', undefined],
      ['X3', undefined],
      ['Y1', undefined],
      ['Y2', undefined],
    ]);
    fc.assert(
      fc.property(fc.subarray([0, 1, 2, 3, 4]), (present) => {
        const judged = cosignedEnough(noteBy(present.flatMap((i) => cosigners[i] ?? [])), policy);
        const inX = present.filter((i) => i < 3).length;
        expect(judged.isEnough).toBe(inX >= 2 && present.length > inX);
        expect(judged.lacking === undefined).toBe(judged.isEnough);
        expect(judged.witnesses).toHaveLength(present.length);
        expect(judged.log?.url).toBe('https://log.example/');
      }),
    );
  });

  it('says who has cosigned, when, and what is missing', () => {
    const { witnesses, lacking } = cosignedEnough(noteBy(cosigners.slice(1, 2)), parsePolicy(TWO_LEVELS));
    expect(witnesses).toEqual([{ name: 'X2', at: 1_700_000_000 }]);
    expect(lacking).toBe('of both, 0 of 2 have cosigned it');
  });

  it('that asks for nobody is met by the log alone; one that names no log takes any', () => {
    expect(cosignedEnough(noteBy([]), parsePolicy(`log ${logKey}\nquorum none\n`)).isEnough).toBe(true);
    expect(cosignedEnough(noteBy([]), parsePolicy('quorum none')).isEnough).toBe(true);
    expect(cosignedEnough(noteBy([]), parsePolicy(`witness a ${w0}\nquorum a`)).isEnough).toBe(false);
    expect(cosignedEnough(noteBy(cosigners), parsePolicy(`witness a ${w0}\nquorum a`)).isEnough).toBe(true);
  });

  it('is not met by the key of another log, nor by one that signs another origin', () => {
    const other = newSigner(ORIGIN);
    const policy = parsePolicy(`log ${logKey}\nquorum none`);
    expect(cosignedEnough(noteBy([], [other]), policy)).toMatchObject({
      isEnough: false,
      lacking: 'no log of the policy has signed it',
    });
    const elsewhere = newSigner('elsewhere.example');
    const named = parsePolicy(`log ${verifierText(elsewhere.verifier)}\nquorum none`);
    expect(cosignedEnough(noteBy([], [log, elsewhere]), named).isEnough).toBe(false);
  });

  it('knows keys in hex by the names that Sigsum derives from them', () => {
    const hex = newSigner('any').verifier.raw.toString('hex');
    const policy = parsePolicy(
      `log ${hex}\nwitness w ${newSigner('any').verifier.raw.toString('hex')}\nquorum w`,
    );
    expect(policy.logs[0]?.verifier.name).toMatch(/^sigsum\.org\/v1\/tree\/[0-9a-f]{64}$/);
    expect(policy.witnesses[0]?.verifier.name).toMatch(/^sigsum\.org\/v1\/witness\/[0-9a-f]{64}$/);
  });

  it('tells names apart by their bytes', () => {
    const policy = parsePolicy(`witness K ${w0}\nwitness \u212a ${w1}\ngroup é all K \u212a\nquorum é`);
    expect(policy.witnesses.map(({ name }) => name)).toEqual(['K', '\u212a']);
    const raw = Buffer.concat([Buffer.from('witness '), Buffer.of(0xff), Buffer.from(` ${w0}\nquorum none`)]);
    expect(parsePolicy(raw).witnesses).toHaveLength(1);
  });

  it.each([
    ['without a quorum', `witness a ${w0}`, 'no line "quorum'],
    ['with two', `quorum none\nquorum none`, 'Line 2'],
    ['whose quorum is not defined yet', `quorum a\nwitness a ${w0}`, 'Line 1'],
    ['whose group has more to reach than members', `witness a ${w0}\ngroup g 2 a\nquorum g`, 'Line 2'],
    ['whose group asks for none', `witness a ${w0}\ngroup g 0 a\nquorum g`, 'Line 2'],
    ['whose count has a zero before it', `witness a ${w0}\ngroup g 01 a\nquorum g`, 'Line 2'],
    ['whose group is empty', `group g all\nquorum g`, 'Line 1'],
    ['whose group has a member twice', `witness a ${w0}\ngroup g 1 a a\nquorum g`, 'a member already'],
    [
      'whose witness is in two groups',
      `witness a ${w0}\ngroup g 1 a\ngroup h 1 a\nquorum g`,
      'a member already',
    ],
    ['whose group is in itself', `group g 1 g\nquorum g`, 'Line 1'],
    ['with "none" in a group', `group g 1 none\nquorum g`, 'Line 1'],
    ['that calls a witness "none"', `witness none ${w0}\nquorum none`, 'taken'],
    ['with one key twice', `witness a ${w0}\nwitness b ${w0}\nquorum a`, 'another witness has this key'],
    ['with one log twice', `log ${logKey}\nlog ${logKey}\nquorum none`, 'another log has this key'],
    ['with one name twice', `witness a ${w0}\nwitness a ${w1}\nquorum a`, 'taken'],
    ["with a log's key for a witness", `witness a ${logKey}\nquorum a`, 'type 4'],
    ["with a witness's key for a log", `log ${w0}\nquorum none`, 'type 1'],
    ['with a key that is none', `log ${logKey.slice(0, -4)}\nquorum none`, 'no key'],
    ['with a word that is none', 'quorums none', 'Line 1'],
    ['with a carriage return', 'quorum none\r\n', 'control character'],
    ['with too many words', `quorum none none`, 'Line 1'],
    ['whose log has no key', 'log\nquorum none', 'log KEY'],
    ['whose witness has no key', 'witness a\nquorum none', 'witness NAME KEY'],
    ['whose group has no members', 'group g 1\nquorum none', 'group NAME'],
    ['that is too long', `#${'a'.repeat(300_000)}\nquorum none`, 'too long'],
  ])('is none %s', (_, policy, why) => {
    expect(() => parsePolicy(policy)).toThrow(why);
  });

  it('of any text is read or refused in one way', () => {
    const words = fc.constantFrom(
      'log',
      'witness',
      'group',
      'quorum',
      'any',
      'all',
      '1',
      'a',
      'b',
      'none',
      w0,
      w1,
      logKey,
      '#',
      ' ',
      '\n',
      '\t',
    );
    fc.assert(
      fc.property(fc.array(words), (parts) => {
        try {
          parsePolicy(parts.join(' '));
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-argument' });
        }
      }),
    );
  });
});

describe('a key for other tools', () => {
  // RFC 8709 section 4: string "ssh-ed25519", string key; both with their lengths before them.
  it('is what ssh-keygen writes', () => {
    const { raw } = readVerifier('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
    expect(opensshText({ name: 'peter', raw })).toBe(
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW peter',
    );
  });

  it('has the name that Sigsum derives from it', () => {
    const raw = Buffer.alloc(32, 1);
    expect(sigsumVerifier(raw, SIGNATURE.ed25519).name).toBe(
      'sigsum.org/v1/tree/72cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363793',
    );
  });
});
