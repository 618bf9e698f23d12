// One-time codes of the second factor (RFC 6238), each used once: the node refuses a code that it has seen, as it should.

import { createHmac } from 'node:crypto';

const used = new Map();
const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

function base32(text) {
  let bits = '';
  for (const c of text.replace(/[\s=]/g, '').toUpperCase()) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0');
  return Buffer.from(bits.match(/.{8}/g).map((b) => Number.parseInt(b, 2)));
}

function code(secret, step) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', base32(secret)).update(counter).digest();
  const at = mac[mac.length - 1] & 0xf;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** What an authenticator program shows now. */
export const codeNow = (person) => code(person.totp_secret, Math.floor(Date.now() / 30_000));

/** A code that the person has not used yet: of now, of the step before or after it, or after a wait. */
export async function totp(person) {
  const now = () => Math.floor(Date.now() / 30_000);
  const key = person.totp_secret;
  const next = Math.max(now() - 1, (used.get(key) ?? 0) + 1);
  while (next > now() + 1) await pause(500);
  used.set(key, next);
  return code(key, next);
}
