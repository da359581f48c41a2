// Ethernet frames as a guest could forge them, in hexadecimal.
import { parseIp } from '../../src/core/lib/cidr.ts';

export const ALL = 'ff:ff:ff:ff:ff:ff';

export interface Ether {
  to?: string;
  from: string;
}

const mac = (text: string) => text.replaceAll(':', '');
const word = (value: number) => (value & 0xffff).toString(16).padStart(4, '0');
const octet = (value: number) => value.toString(16).padStart(2, '0');

function ip(text: string): string {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`${text} is not an address`);
  return address.value.toString(16).padStart(address.family === 4 ? 8 : 32, '0');
}

/** 60 bytes at least, as a card would make it. */
function frame({ to = ALL, from }: Ether, type: string, payload: string): string {
  return `${mac(to)}${mac(from)}${type}${payload}`.padEnd(120, '0');
}

export interface Arp {
  operation: 1 | 2;
  senderMac: string;
  sender: string;
  target: string;
}

export function arp(ether: Ether, { operation, senderMac, sender, target }: Arp): string {
  const targetMac = '00'.repeat(6);
  const body = [mac(senderMac), ip(sender), targetMac, ip(target)].join('');
  return frame(ether, '0806', `000108000604${word(operation)}${body}`);
}

/** A datagram from port 40000 with 32 bytes. */
export function udp(ether: Ether, source: string, destination: string, port = 51821): string {
  const six = source.includes(':');
  const datagram = `${word(40000)}${word(port)}${word(40)}0000${'61'.repeat(32)}`;
  const sum = checksum(`${ip(source)}${ip(destination)}${word(40)}${word(17)}${datagram}`);
  const body = datagram.replace(/^(.{12})0000/, `$1${word(sum)}`);
  if (six) return frame(ether, '86dd', `60000000${word(40)}1140${ip(source)}${ip(destination)}${body}`);
  const header = `4500${word(60)}000040004011`;
  const addresses = `${ip(source)}${ip(destination)}`;
  return frame(ether, '0800', `${header}${word(checksum(`${header}0000${addresses}`))}${addresses}${body}`);
}

/** `body` is all behind the checksum. */
export function icmp6(ether: Ether, source: string, destination: string, type: number, body: string): string {
  const length = 4 + body.length / 2;
  const pseudo = `${ip(source)}${ip(destination)}${word(length)}${word(58)}`;
  const sum = checksum(`${pseudo}${octet(type)}000000${body}`);
  const header = `60000000${word(length)}3aff${ip(source)}${ip(destination)}`;
  return frame(ether, '86dd', `${header}${octet(type)}00${word(sum)}${body}`);
}

/** Option 1 says the sender's MAC, option 2 the target's (RFC 4861 4.6.1). */
const option = (type: 1 | 2, address: string) => `0${type}01${mac(address)}`;

export function advertisement(ether: Ether, source: string, target: string, targetMac: string): string {
  return icmp6(ether, source, 'ff02::1', 136, `20000000${ip(target)}${option(2, targetMac)}`);
}

export function solicitation(ether: Ether, source: string, target: string, ...senderMacs: string[]): string {
  const options = senderMacs.map((address) => option(1, address)).join('');
  return icmp6(ether, source, 'ff02::1', 135, `00000000${ip(target)}${options}`);
}

export function routerAdvertisement(ether: Ether, source: string): string {
  return icmp6(ether, source, 'ff02::1', 134, `40000708${'00'.repeat(8)}${option(1, ether.from)}`);
}

export function redirect(ether: Ether, source: string, target: string, destination: string): string {
  return icmp6(ether, source, 'ff02::1', 137, `00000000${ip(target)}${ip(destination)}`);
}

export function tagged(vlan: number, untagged: string): string {
  return `${untagged.slice(0, 24)}8100${word(vlan)}${untagged.slice(24)}`;
}

export function ofType(ether: Ether, type: string): string {
  return frame(ether, type, '61'.repeat(46));
}

/** RFC 1071. */
function checksum(hex: string): number {
  let sum = 0;
  for (const [four] of hex.padEnd(Math.ceil(hex.length / 4) * 4, '0').matchAll(/.{4}/g))
    sum += Number.parseInt(four, 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
