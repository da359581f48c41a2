// Signed notes, checkpoints and cosignatures: in the form that other tools read and write.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkpointText, parseCheckpoint } from '../../../../../src/core/ledger/note/checkpoint.ts';
import { cosign, cosignedAt, cosignerOf } from '../../../../../src/core/ledger/note/cosignature.ts';
import {
  newSigner,
  readSigner,
  readVerifier,
  verifierText,
} from '../../../../../src/core/ledger/note/keys.ts';
import { parseNote, signatureBy, signNote } from '../../../../../src/core/ledger/note/signed-note.ts';

/** The example of golang.org/x/mod/sumdb/note, whose keys and signature everybody's code is tried with. */
const EXAMPLE = {
  signer: 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz',
  verifier: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  signature:
    '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
};

describe('a signed note', () => {
  it('is, byte for byte, what other tools write with the same key', () => {
    const signer = readSigner(EXAMPLE.signer);
    expect(signNote(EXAMPLE.text, [signer])).toBe(`${EXAMPLE.text}\n${EXAMPLE.signature}`);
    expect(verifierText(signer.verifier)).toBe(EXAMPLE.verifier);
    expect(signer.privateText()).toBe(EXAMPLE.signer);
  });

  it('of theirs is read, and known for theirs', () => {
    const note = parseNote(`${EXAMPLE.text}\n${EXAMPLE.signature}`);
    expect(note.text).toBe(EXAMPLE.text);
    expect(signatureBy(note, readVerifier(EXAMPLE.verifier))).toBeDefined();
    expect(signatureBy(note, newSigner('PeterNeumann').verifier)).toBeUndefined();
  });

  it("with one byte of its text changed is nobody's", () => {
    const signer = newSigner('host.example/ledger');
    fc.assert(
      fc.property(fc.nat(1_000), fc.integer({ min: 0x21, max: 0x7e }), (any, byte) => {
        const text = Buffer.from('one\ntwo\nthree\n');
        const signed = Buffer.from(signNote(text.toString(), [signer]));
        const at = any % (text.length - 1);
        fc.pre(signed[at] !== byte);
        signed[at] = byte;
        expect(signatureBy(parseNote(signed), signer.verifier)).toBeUndefined();
      }),
    );
  });

  it("with a false signature under a key's name beside the true one is not that key's", () => {
    const signer = newSigner('host.example');
    const signed = signNote('text\n', [signer]);
    const false_ = signNote('other\n', [signer]).split('\n\n')[1];
    expect(signatureBy(parseNote(`${signed}${false_}`), signer.verifier)).toBeUndefined();
  });

  it.each([
    ['without a signature', 'text\n'],
    ['whose last line does not end', 'text\n\n— a AAAAAAAA'],
    ['with a control character', `a\tb\n\n${EXAMPLE.signature}`],
    ['whose signature is not in base64', 'text\n\n— name !!!!\n'],
    ['whose base64 says more than it is', 'text\n\n— name AAAAAAB=\n'],
    ['with a hyphen for the dash', 'text\n\n- name AAAAAAAA\n'],
    ['with a plus sign in a name', 'text\n\n— na+me AAAAAAAA\n'],
    ['that is too long', `${'a'.repeat(70_000)}\n\n${EXAMPLE.signature}`],
    ['with a thousand signatures', `text\n\n${EXAMPLE.signature.repeat(1_000).slice(0, 60_000)}\n`],
  ])('is none %s', (_, text) => {
    expect(() => parseNote(text)).toThrow('no signed note');
  });
});

describe('a key', () => {
  it.each([
    ['of another algorithm', 'name+00000000+BRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ["with another key's identifier", EXAMPLE.verifier.replace('c74f20a3', 'c74f20a4')],
    ['with another name', EXAMPLE.verifier.replace('Peter', 'Petra')],
    ['that is cut', EXAMPLE.verifier.slice(0, -4)],
    ['that is a private one', EXAMPLE.signer],
  ])('%s is refused', (_, text) => {
    expect(() => readVerifier(text)).toThrow('no key');
  });

  it.each(['', 'a b', 'a+b', 'a\nb'])('has no name like %j', (name) => {
    expect(() => newSigner(name)).toThrow('no key');
  });
});

describe('a checkpoint', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, root) => {
        const checkpoint = { origin: 'ledger.example/host', size, root: Buffer.from(root) };
        expect(parseCheckpoint(checkpointText(checkpoint))).toEqual(checkpoint);
      }),
    );
  });

  it.each([
    ['no origin', '\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n'],
    ['a size with a zero before it', 'o\n01\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n'],
    ['a negative size', 'o\n-1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n'],
    [
      'a size beyond what can be counted',
      'o\n9007199254740993\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n',
    ],
    ['a short root', 'o\n1\nAAAA\n'],
    ['no root', 'o\n1\n'],
  ])('with %s is none', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow('no checkpoint');
  });
});

describe('a cosignature', () => {
  const log = newSigner('ledger.example/host');
  const witness = newSigner('witness.example');
  const text = checkpointText({ origin: 'ledger.example/host', size: 7, root: Buffer.alloc(32, 7) });
  const signed = signNote(text, [log]);

  it("says when, and leaves the log's own signature as it is", () => {
    const note = parseNote(signed + cosign(text, witness, 1_700_000_000));
    expect(cosignedAt(note, cosignerOf(witness.verifier))).toBe(1_700_000_000);
    expect(signatureBy(note, log.verifier)).toBeDefined();
  });

  it('of another time or text is none', () => {
    const line = cosign(text, witness, 1_700_000_000);
    const bytes = Buffer.from(line.split(' ')[2] ?? '', 'base64');
    bytes.writeBigUInt64BE(1_700_000_001n, 4);
    const moved = `— witness.example ${bytes.toString('base64')}\n`;
    expect(cosignedAt(parseNote(signed + moved), cosignerOf(witness.verifier))).toBeUndefined();
    const other = signNote(text.replace('7', '8'), [log]);
    expect(cosignedAt(parseNote(other + line), cosignerOf(witness.verifier))).toBeUndefined();
  });

  it("is not taken for a log's signature, nor the other way round", () => {
    const note = parseNote(signed + cosign(text, log, 1_700_000_000));
    expect(signatureBy(parseNote(signed), cosignerOf(log.verifier))).toBeUndefined();
    expect(signatureBy(note, log.verifier)).toBeDefined();
    expect(cosignedAt(note, cosignerOf(log.verifier))).toBe(1_700_000_000);
  });
});
