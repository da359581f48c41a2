// What tells a Proxmox guest from another one that gets its number: marks that a clone and a new guest do not share.
//
// A migration, a rollback, and a restore under the same number keep them. The UUID of `smbios1` is made with a VM, and anew
// with a clone (qemu-server:src/PVE/API2/Qemu.pm); so are the MAC addresses of both kinds of guests, which a person may also
// change. `vmgenid` is no mark: it is another one after a rollback and a restore.

const UUID = /^smbios1:\s*(?:.*,)?uuid=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:,.*)?$/;
const MAC = /^net\d+:\s*(?:.*,)?[a-z0-9_-]+=((?:[0-9a-f]{2}:){5}[0-9a-f]{2})(?:,.*)?$/;
const MARK = /^(?:uuid=[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mac=(?:[0-9a-f]{2}:){5}[0-9a-f]{2})$/;

/**
 * Each mark in a configuration's lines up to the first `[section]`, in lower case: `uuid=…`, `mac=…`. The hookscript's stub
 * finds the same ones (packaging/deb/proxmox-stub.sh).
 */
export function marksIn(text: string): string[] {
  const marks = new Set<string>();
  for (const line of text.split('\n')) {
    if (line.startsWith('[')) break;
    const plain = line.trimEnd().replace(/[A-F]/g, (digit) => digit.toLowerCase());
    const uuid = UUID.exec(plain)?.[1];
    const mac = MAC.exec(plain)?.[1];
    if (uuid !== undefined) marks.add(`uuid=${uuid}`);
    if (mac !== undefined) marks.add(`mac=${mac}`);
  }
  return [...marks];
}

/** The marks to remember a guest by: its UUID alone where it has one, as no person sets that by the way. */
export function lastingMarks(marks: readonly string[]): string[] {
  const uuids = marks.filter((mark) => mark.startsWith('uuid='));
  return uuids.length > 0 ? uuids : [...marks];
}

/** Whether a guest with `present` marks is the one that was remembered; one that had none is so only while it has none. */
export function isSameGuest(remembered: readonly string[], present: readonly string[]): boolean {
  if (remembered.length === 0) return present.length === 0;
  return remembered.some((mark) => present.includes(mark));
}

export function isMark(text: string): boolean {
  return MARK.test(text);
}
