// Frames that tell neighbours at once which MAC has an address.

import { parseIp } from '../../core/lib/cidr.ts';
import { AgentError } from '../../core/lib/errors.ts';

const BROADCAST = Buffer.alloc(6, 0xff);
/** ff02::1, all nodes of the link, and its MAC (RFC 2464 7). */
const ALL_NODES = Buffer.from('ff020000000000000000000000000001', 'hex');
const ALL_NODES_MAC = Buffer.from('333300000001', 'hex');
const ICMPV6 = 58;
/** RFC 4861 4.4: Override, and neither Router nor Solicited. */
const OVERRIDE = 0x20000000;

/**
 * The frames, in the order to send them: for IPv4 a gratuitous ARP request (RFC 5227 2.3) and reply, as some systems
 * learn from one of them only; for IPv6 an unsolicited neighbour advertisement (RFC 4861 7.2.6).
 * Throws `bad-argument`.
 */
export function announcements(mac: string, address: string): Buffer[] {
  const sender = macBytes(mac);
  const ip = parseIp(address);
  if (ip === undefined) throw new AgentError('bad-argument', `${JSON.stringify(address)} is not an address`);
  const bytes = Buffer.from(ip.value.toString(16).padStart(ip.family === 4 ? 8 : 32, '0'), 'hex');
  if (ip.family === 6) return [unsolicitedAdvertisement(sender, bytes)];
  return [gratuitousArp(1, sender, bytes), gratuitousArp(2, sender, bytes)];
}

function macBytes(mac: string): Buffer {
  if (!/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac)) {
    throw new AgentError('bad-argument', `${JSON.stringify(mac)} is not the MAC of a card`);
  }
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** RFC 826, operation 1 a request, 2 a reply; sender and target address are the same. */
function gratuitousArp(operation: 1 | 2, mac: Buffer, address: Buffer): Buffer {
  const target = operation === 1 ? Buffer.alloc(6) : mac;
  const ethernetIpv4 = Buffer.from('000108000604', 'hex');
  const type = Buffer.from('0806', 'hex');
  const parts = [BROADCAST, mac, type, ethernetIpv4, word(operation), mac, address, target, address];
  // 60 bytes without checksum are the shortest frame of Ethernet.
  return Buffer.concat([...parts, Buffer.alloc(18)]);
}

function unsolicitedAdvertisement(mac: Buffer, address: Buffer): Buffer {
  const flags = Buffer.alloc(4);
  flags.writeUInt32BE(OVERRIDE);
  const targetLinkLayer = Buffer.concat([Buffer.from([2, 1]), mac]);
  const message = Buffer.concat([Buffer.from([136, 0, 0, 0]), flags, address, targetLinkLayer]);
  message.writeUInt16BE(checksum(address, ALL_NODES, message), 2);
  // Version 6; hop limit 255, or it is ignored (RFC 4861 7.1.2).
  const header = Buffer.concat([
    Buffer.from([0x60, 0, 0, 0]),
    word(message.length),
    Buffer.from([ICMPV6, 255]),
    address,
    ALL_NODES,
  ]);
  return Buffer.concat([ALL_NODES_MAC, mac, Buffer.from('86dd', 'hex'), header, message]);
}

/** RFC 4443 2.3: the Internet checksum over the pseudo-header of RFC 8200 8.1 with the message, whose own is zero. */
function checksum(source: Buffer, destination: Buffer, message: Buffer): number {
  const pseudo = Buffer.concat([source, destination, word(0), word(message.length), word(0), word(ICMPV6)]);
  const bytes = Buffer.concat([pseudo, message]);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
