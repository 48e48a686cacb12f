/**
 * Bytes that only who has the key can read or change: AES-256-GCM, by node:crypto.
 *
 *   0         1            5            17                        -16
 *   | version | key id     | nonce      | ciphertext, as long as   | tag  |
 *   | 1       | 4 bytes    | 12 random  | the bytes within         | 16   |
 *   |<------- authenticated ------------------------------------------->|
 *   + `context`, authenticated too, and not stored
 *
 * The key id is the beginning of HMAC-SHA256(key, "wal-db key id"): it says which key of a ring it was,
 * and nothing about the key. It cannot be given wrongly. That two keys have one id happens once in 2^32 times: each of a
 * ring that has it is tried then.
 *
 * The nonce is drawn anew for each value. Of 2^32 nonces for one key, two are the same with a probability of 2^-33,
 * and two messages under one nonce can be read: no more than 2^32 (4.3 thousand million) values may be encrypted with a key
 * (NIST SP 800-38D, 8.3): at a thousand a second, for 49 days.
 *
 * Each value is authenticated by itself. That a value was removed, given twice, or moved within its log is not
 * noticed here: whoever can write to the file can do that.
 */
import { checkKeys } from "../arguments.ts";
import { invalidArgument, shown } from "../errors.ts";
import { plainView, trueLength } from "../true-bytes.ts";
import { builtin } from "./builtin.ts";
import { checkCodec, type Codec } from "./codec.ts";
import { codecFault, plainBytesFrom, valueFrom } from "./coding.ts";

export interface EncryptionOptions {
  /**
   * What these values are, such as the name of their log: bytes or text that must be the same on reading. A value
   * that was copied from elsewhere, encrypted with the same key, is refused then. Not stored. Default: none.
   */
  readonly context?: Uint8Array | string | undefined;
}

const version = 1;
const keyBytes = 32;
const keyIdBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const nonceStart = 1 + keyIdBytes;
const headBytes = nonceStart + nonceBytes;
const keyIdLabel = "wal-db key id";

interface Cipher {
  setAAD(bytes: Uint8Array): unknown;
  update(bytes: Uint8Array): Uint8Array;
  final(): Uint8Array;
}

/** What is called of node:crypto. */
interface Crypto {
  createHmac(hash: string, key: Uint8Array): { update(text: string): { digest(): Uint8Array } };
  randomFillSync(into: Uint8Array): unknown;
  createCipheriv(
    name: string,
    key: Uint8Array,
    nonce: Uint8Array,
    options: object,
  ): Cipher & { getAuthTag(): Uint8Array };
  createDecipheriv(
    name: string,
    key: Uint8Array,
    nonce: Uint8Array,
    options: object,
  ): Cipher & { setAuthTag(tag: Uint8Array): unknown };
}

interface Key {
  readonly id: Uint8Array;
  readonly bytes: Uint8Array;
}

const cipherName = "aes-256-gcm";
const cipherOptions = { authTagLength: tagBytes };

/**
 * A codec that encrypts what another encodes, with AES-256-GCM. A wrong key or a changed byte is WAL_ENCODING, never
 * another value.
 *
 * Keys are 32 bytes, from a random generator: a password is no key. Given several, the first one encrypts and all decrypt:
 * to rotate, put the new key in front, and drop the old one when no record is left that needs it. At most 2^32 values may be
 * encrypted with one key.
 *
 * It hides what values are, and keeps them from being changed. It does not hide how long they are or when they were
 * written, and does not notice that records were removed or put in another order.
 *
 * Cost: 33 bytes and some microseconds for each value (docs/typed-records.md).
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when a key is not 32 bytes, or it is no codec; WAL_UNSUPPORTED where there is no
 *   node:crypto; from `decode` WAL_ENCODING: `reason` `unknown-key` when it was encrypted with a key that is not given, `forged` when
 *   the bytes or the context are not what they were, `malformed` when these are no such bytes at all.
 * @example
 * const secrets = wal.typed(encrypted(json<string>(), [newKey, oldKey], { context: "secrets" }));
 * secrets.append("the combination is 1234");
 * for (const { value } of secrets) console.log(value); // the combination is 1234
 */
export function encrypted<T>(
  codec: Codec<T>,
  keys: Uint8Array | readonly Uint8Array[],
  options: EncryptionOptions = {},
): Codec<T> {
  checkCodec(codec);
  const crypto = builtin("node:crypto", "encrypted") as Crypto;
  const ring = ringOf(crypto, keys);
  const context = contextOf(options);
  return {
    encode: (value) => seal(crypto, ring[0] as Key, context, plainBytesFrom(codec, value)),
    decode: (bytes) => valueFrom(codec, unseal(crypto, ring, context, bytes)),
  };
}

function seal(crypto: Crypto, key: Key, context: Uint8Array, bytes: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(headBytes + bytes.length + tagBytes);
  sealed[0] = version;
  sealed.set(key.id, 1);
  const nonce = sealed.subarray(nonceStart, headBytes);
  crypto.randomFillSync(nonce);
  const cipher = crypto.createCipheriv(cipherName, key.bytes, nonce, cipherOptions);
  cipher.setAAD(authenticated(sealed, context));
  sealed.set(cipher.update(bytes), headBytes);
  cipher.final();
  sealed.set(cipher.getAuthTag(), headBytes + bytes.length);
  return sealed;
}

function unseal(crypto: Crypto, ring: readonly Key[], context: Uint8Array, sealed: Uint8Array): Uint8Array {
  const end = sealed.length - tagBytes;
  if (end < headBytes || sealed[0] !== version) {
    throw codecFault("malformed", "these bytes were not written by encrypted, or are cut short");
  }
  const id = sealed.subarray(1, nonceStart);
  let forged: unknown;
  for (const key of ring) {
    if (!key.id.every((byte, i) => byte === id[i])) continue;
    try {
      return opened(crypto, key, context, sealed);
    } catch (cause) {
      forged = cause;
    }
  }
  if (forged !== undefined) {
    throw codecFault(
      "forged",
      "these bytes are not those that were encrypted, or their context is another one",
      { cause: forged },
    );
  }
  throw codecFault(
    "unknown-key",
    `it was encrypted with a key that is not in the ring (key id ${hexOf(id)}; there: ${idsIn(ring)})`,
  );
}

/** Throws what node:crypto does when they are not what was encrypted with this key. */
function opened(crypto: Crypto, key: Key, context: Uint8Array, sealed: Uint8Array): Uint8Array {
  const end = sealed.length - tagBytes;
  const nonce = sealed.subarray(nonceStart, headBytes);
  const decipher = crypto.createDecipheriv(cipherName, key.bytes, nonce, cipherOptions);
  decipher.setAuthTag(sealed.subarray(end));
  decipher.setAAD(authenticated(sealed, context));
  const bytes = decipher.update(sealed.subarray(headBytes, end));
  decipher.final();
  return plainView(bytes);
}

/** The head without the nonce, which is authenticated by its use; then the context. */
function authenticated(sealed: Uint8Array, context: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(nonceStart + context.length);
  bytes.set(sealed.subarray(0, nonceStart));
  bytes.set(context, nonceStart);
  return bytes;
}

function ringOf(crypto: Crypto, keys: Uint8Array | readonly Uint8Array[]): readonly Key[] {
  const list: readonly unknown[] = Array.isArray(keys) ? keys : [keys];
  if (list.length === 0) throw invalidArgument("encrypted takes a key, or several; got none.");
  return list.map((key) => keyOf(crypto, key));
}

function keyOf(crypto: Crypto, key: unknown): Key {
  const length = key instanceof Uint8Array ? lengthOf(key) : null;
  if (length !== keyBytes) {
    const got = length === null ? shown(typeof key === "string" ? typeof key : key) : `${length} bytes`;
    throw invalidArgument(`A key of encrypted is a Uint8Array of ${keyBytes} random bytes; got ${got}.`);
  }
  // A copy: what the caller does to theirs changes nothing here.
  const bytes = new Uint8Array(plainView(key as Uint8Array));
  const id = crypto.createHmac("sha256", bytes).update(keyIdLabel).digest().subarray(0, keyIdBytes);
  return { id, bytes };
}

function lengthOf(key: Uint8Array): number | null {
  try {
    return trueLength(key);
  } catch {
    return null;
  }
}

function contextOf(options: EncryptionOptions): Uint8Array {
  if (typeof options !== "object" || options === null) {
    throw invalidArgument(`The options of encrypted are an object; got ${shown(options)}.`);
  }
  checkKeys("encrypted", options, ["context"]);
  const { context = "" } = options;
  if (typeof context === "string") return new TextEncoder().encode(context);
  if (context instanceof Uint8Array) return new Uint8Array(plainView(context));
  throw invalidArgument(`context of encrypted is bytes or text; got ${shown(context)}.`);
}

function idsIn(ring: readonly Key[]): string {
  return ring.map(({ id }) => hexOf(id)).join(", ");
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
