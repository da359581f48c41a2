// The key `witnesses` of the section [ledger]: whom this ledger's checkpoints are shown to.

import { AgentError } from '../lib/errors.ts';
import { checkedText, list, table } from '../lib/fields.ts';
import { quoted } from '../lib/quoted.ts';
import { readKeyOf, SIGNATURE, type SignatureType } from './note/keys.ts';

export const witnessesField = list(
  table({
    key: checkedText("must be a witness's public key", (text) => keyProblem(text, SIGNATURE.cosignature)),
    url: checkedText('must be a URL such as "https://witness.example/"', urlProblem),
    ca: checkedText('must be an absolute path, or ""', (text) =>
      text === '' || text.startsWith('/') ? undefined : 'must be an absolute path, or ""',
    ).default(''),
  }),
  'must be a list of tables [[ledger.witnesses]] with key and url',
)
  .superRefine((witnesses, context) => {
    for (const [index, { key }] of witnesses.entries())
      if (witnesses.findIndex((other) => other.key === key) < index)
        context.addIssue({ code: 'custom', path: [index, 'key'], message: 'is there twice' });
  })
  .default([]);

/** What is wrong with the public key of a log or a witness, if anything. */
export function keyProblem(text: string, type: SignatureType): string | undefined {
  try {
    readKeyOf(text, type);
    return undefined;
  } catch (error) {
    const why = error instanceof AgentError ? error.message : String(error);
    return `must be a public key such as NAME+1a2b3c4d+KEY, not ${quoted(text, 60)}. ${why.replace(/\.$/, '')}`;
  }
}

function urlProblem(text: string): string | undefined {
  const wrong = `must be a URL such as "https://witness.example/", not ${quoted(text, 60)}`;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return wrong;
  }
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return ['http:', 'https:'].includes(url.protocol) && isPlain ? undefined : wrong;
}
