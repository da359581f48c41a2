// Reads a packed segment at any place of its text, in a small memory: only the member that is asked for is unpacked.
import { type ByteSource, idOf, type ReadFile, readFully } from './byte-source.ts';
import { MEMBER_FOOT, MEMBER_HEAD, type MemberHead, readMemberHead, unpackMember } from './packed-member.ts';

/** `at`: where it begins in the file; `from`: where its text begins in the whole text. Without a head it is no member. */
type Member = { at: number; from: number; text: number; head?: MemberHead };

const FILLER = 0x78;
const NEWLINE = 0x0a;
const KEPT = 2;

export async function packedSource(file: ReadFile): Promise<ByteSource> {
  const members = await findMembers(file, Number((await file.stat({ bigint: true })).size));
  const damaged = new Map<Member, string>();
  const unpacked = new Map<Member, Buffer>();

  async function textOf(member: Member): Promise<Buffer | undefined> {
    const kept = unpacked.get(member);
    if (kept || damaged.has(member)) return kept;
    const text = await unpackAt(file, member);
    if (typeof text === 'string') {
      damaged.set(member, text);
      return undefined;
    }
    unpacked.set(member, text);
    const [oldest] = unpacked.keys();
    if (unpacked.size > KEPT && oldest) unpacked.delete(oldest);
    return text;
  }

  return {
    async read(buffer, offset, length, position) {
      const member = memberAt(members, position);
      if (member === undefined || length === 0) return { bytesRead: 0 };
      const start = position - member.from;
      const bytesRead = Math.min(length, member.text - start);
      const text = await textOf(member);
      if (text) text.copy(buffer, offset, start, start + bytesRead);
      else {
        buffer.fill(FILLER, offset, offset + bytesRead);
        if (start + bytesRead === member.text) buffer[offset + bytesRead - 1] = NEWLINE;
      }
      return { bytesRead };
    },
    size: async () => endOf(members),
    damage(offset) {
      const member = memberAt(members, offset);
      return member && damaged.get(member);
    },
    id: await idOf(file),
    close: () => file.close(),
  };
}

// From head to head: the text is not touched. What is no member ends the walk, since nothing tells where the next one would begin.
async function findMembers(file: ReadFile, size: number): Promise<Member[]> {
  const members: Member[] = [];
  for (let at = 0; at < size; ) {
    const from = endOf(members);
    const head = readMemberHead(await readFully(file, at, MEMBER_HEAD));
    const bytes = head ? MEMBER_HEAD + head.body + MEMBER_FOOT : 0;
    if (head === undefined || at + bytes > size) {
      members.push({ at, from, text: size - at });
      break;
    }
    members.push({ at, from, text: head.text, head });
    at += bytes;
  }
  return members;
}

async function unpackAt(file: ReadFile, { at, head }: Member): Promise<Buffer | string> {
  if (head === undefined) return 'it is no packed piece of a ledger, or its end is missing';
  const length = MEMBER_HEAD + head.body + MEMBER_FOOT;
  const bytes = await readFully(file, at, length);
  return bytes.length === length ? unpackMember(bytes, head) : 'its end is missing';
}

function endOf(members: readonly Member[]): number {
  const last = members.at(-1);
  return last ? last.from + last.text : 0;
}

function memberAt(members: readonly Member[], offset: number): Member | undefined {
  let low = 0;
  let high = members.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { from, text } = members[middle] as Member;
    if (offset < from) high = middle;
    else if (offset >= from + text) low = middle + 1;
    else return members[middle];
  }
  return undefined;
}
