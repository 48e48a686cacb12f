/**
 * The inner loops of the record format, in AssemblyScript: CRC32C over bytes in this module's
 * memory, and a walk over frames there. `npm run build` compiles this to WebAssembly and puts it, as
 * text, into src/record/kernel-code.ts; src/record/kernel.ts loads it. It decides nothing: what does
 * not verify here is looked at again, and judged, by src/record/scan.ts.
 *
 *   0        16 KiB   tables of slicing-by-16: entry (k << 8 | b) is byte b, then k zero bytes
 *   0x4000            what a fold leaves
 *   0x4100            masks
 *   0x5000            209 zeros and more, and then
 *   0x6000            what is folded, 64 KiB and a little
 *
 * **Slicing-by-16** as in src/record/crc32c.ts.
 *
 * **Folds.** After Russell, "Chorba: A novel CRC32 implementation" (2024): a multiple of the polynomial
 * with few terms takes the front of a message away by a few exclusive ors further back. Here the
 * terms are whole bytes apart, and so 16 bytes go at once:
 *
 *      x^(8n) = x^(8(n-s1)) + x^(8(n-s2)) + ...   modulo P
 *
 *      v[i] = m[i] + v[i-s1] + v[i-s2] + ...      for the front, 16 bytes i at a time
 *      r[i] = the same, for what is left, with nothing of v beyond the front
 *
 * The CRC of r, from a register of zero, is that of m. Two sets of s:
 *
 *      near    19 40 43 45 46 48 52 54 62    leaves 64 bytes; what it needs of v is in four registers
 *      far     65 155 170 195 209            leaves 224 bytes, for the near one; v is in memory. The least is above 64,
 *                                            so that what is loaded has been stored some steps before
 *
 * They were found by meet-in-the-middle searches for few terms, from 16 to 64 and from 64 to 290;
 * test/record/kernel.test.ts checks the equations. Zeros in front of a message change nothing when the
 * register begins at zero: so a message is taken to begin up to 15 bytes before it does, and all is whole vectors.
 */

const remainder: usize = 0x4000;
/** Ones from the first byte of the message on, and where the register is put: zeros stand on either side. */
const messageMask: usize = 0x4120;
const registerMask: usize = 0x4160;
const folded: usize = 0x6000;

/** From here on the near fold is faster, from there on the far one before it. */
const nearBytesMin: usize = 128;
const farBytesMin: usize = 1024;

const nearLeaves: usize = 64;
const farLeaves: usize = 224;

/** What the space at `folded` has room for; a whole number of vectors. */
const foldBytesMax: usize = 0x10000;

v128.store(messageMask, i32x4(-1, -1, -1, -1));
v128.store(messageMask, i32x4(-1, -1, -1, -1), 16);
v128.store(registerMask, i32x4(-1, 0, 0, 0));

// @ts-ignore: a decorator of AssemblyScript
@inline
function slice(at: usize, end: usize, register: u32): u32 {
  let c = register;
  for (; at + 16 <= end; at += 16) {
    const a0 = load<u32>(at) ^ c;
    const a1 = load<u32>(at, 4);
    const a2 = load<u32>(at, 8);
    const a3 = load<u32>(at, 12);
    // The look-ups that wait for the register come last.
    c =
      load<u32>((a3 >>> 22) & 0x3fc, 0x0000) ^
      load<u32>((a3 >>> 14) & 0x3fc, 0x0400) ^
      load<u32>((a3 >>> 6) & 0x3fc, 0x0800) ^
      load<u32>((a3 << 2) & 0x3fc, 0x0c00) ^
      (load<u32>((a2 >>> 22) & 0x3fc, 0x1000) ^
        load<u32>((a2 >>> 14) & 0x3fc, 0x1400) ^
        load<u32>((a2 >>> 6) & 0x3fc, 0x1800) ^
        load<u32>((a2 << 2) & 0x3fc, 0x1c00)) ^
      (load<u32>((a1 >>> 22) & 0x3fc, 0x2000) ^
        load<u32>((a1 >>> 14) & 0x3fc, 0x2400) ^
        load<u32>((a1 >>> 6) & 0x3fc, 0x2800) ^
        load<u32>((a1 << 2) & 0x3fc, 0x2c00)) ^
      (load<u32>((a0 >>> 22) & 0x3fc, 0x3000) ^
        load<u32>((a0 >>> 14) & 0x3fc, 0x3400) ^
        load<u32>((a0 >>> 6) & 0x3fc, 0x3800) ^
        load<u32>((a0 << 2) & 0x3fc, 0x3c00));
  }
  for (; at < end; at++) c = load<u32>(((c ^ load<u8>(at)) & 0xff) << 2) ^ (c >>> 8);
  return c;
}

/** The register at the first four bytes of a message that begins `pad` bytes into the vector at `at`; part of it, that is. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function registerAt(register: u32, pad: usize, vector: usize): v128 {
  const turned = rotl<u32>(register, 8 * <u32>pad);
  return v128.and(i32x4.splat(turned), v128.load(registerMask + vector - pad));
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function first(m: usize, pad: usize, register: u32): v128 {
  return v128.xor(v128.and(v128.load(m), v128.load(messageMask - pad)), registerAt(register, pad, 0));
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function second(m: usize, pad: usize, register: u32): v128 {
  return v128.xor(v128.load(m, 16), registerAt(register, pad, 16));
}

/** m and what v adds to it, of which a are the 16 bytes before, b those before them, c, d. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function near(m: v128, a: v128, b: v128, c: v128, d: v128): v128 {
  const s19 = v128.shuffle<i8>(b, a, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28);
  const s40 = v128.shuffle<i8>(c, b, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23);
  const s43 = v128.shuffle<i8>(c, b, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20);
  const s45 = v128.shuffle<i8>(c, b, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18);
  const s46 = v128.shuffle<i8>(c, b, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17);
  const s52 = v128.shuffle<i8>(d, c, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27);
  const s54 = v128.shuffle<i8>(d, c, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25);
  const s62 = v128.shuffle<i8>(d, c, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17);
  // In the order in which they are there.
  const sum48 = v128.xor(v128.xor(v128.xor(s52, s54), v128.xor(s62, c)), m);
  const sum40 = v128.xor(sum48, v128.xor(v128.xor(s40, s43), v128.xor(s45, s46)));
  return v128.xor(sum40, s19);
}

/** For 128 bytes and more. */
function foldNear(at: usize, end: usize, register: u32): u32 {
  const zero = i32x4(0, 0, 0, 0);
  const pad = (at - end) & 15;
  let m = at - pad;
  let d = first(m, pad, register);
  let c = near(second(m, pad, register), d, zero, zero, zero);
  let b = near(v128.load(m, 32), c, d, zero, zero);
  let a = near(v128.load(m, 48), b, c, d, zero);
  m += 64;
  for (const frontEnd = end - nearLeaves; m < frontEnd; m += 16) {
    const v = near(v128.load(m), a, b, c, d);
    d = c;
    c = b;
    b = a;
    a = v;
  }
  v128.store(remainder, near(v128.load(m), a, b, c, d));
  v128.store(remainder, near(v128.load(m, 16), zero, a, b, c), 16);
  v128.store(remainder, near(v128.load(m, 32), zero, zero, a, b), 32);
  v128.store(remainder, near(v128.load(m, 48), zero, zero, zero, a), 48);
  return slice(remainder, remainder + nearLeaves, 0);
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function far(m: usize, v: usize): v128 {
  const sum = v128.xor(v128.xor(v128.load(v - 155), v128.load(v - 170)), v128.xor(v128.load(v - 195), v128.load(v - 209)));
  return v128.xor(v128.xor(v128.load(m), sum), v128.load(v - 65));
}

/** For 256 bytes to `foldBytesMax`. */
function foldFar(at: usize, end: usize, register: u32): u32 {
  const pad = (at - end) & 15;
  let m = at - pad;
  let v = folded;
  v128.store(v, first(m, pad, register));
  v128.store(v, second(m, pad, register), 16);
  v += 32;
  m += 32;
  for (const frontEnd = end - farLeaves; m < frontEnd; m += 16, v += 16) v128.store(v, far(m, v));
  // Nothing beyond the front, for as far as the rest will look.
  for (let z: usize = 0; z < farLeaves; z += 16) v128.store(v + z, i32x4(0, 0, 0, 0));
  for (let r: usize = 0; r < farLeaves; r += 16) v128.store(remainder + r, far(m + r, v + r));
  return foldNear(remainder, remainder + farLeaves, 0);
}

/** The CRC32C of the bytes from `at` to `end`; `seed` is that of the bytes before. */
export function crc(at: usize, end: usize, seed: u32): u32 {
  let register = ~seed;
  for (; end - at > foldBytesMax; at += foldBytesMax) register = foldFar(at, at + foldBytesMax, register);
  const count = end - at;
  if (count < nearBytesMin) return ~slice(at, end, register);
  return ~(count < farBytesMin ? foldNear(at, end, register) : foldFar(at, end, register));
}

/** Writes the header of the frame at `at`, whose payload of `length` bytes is in place. */
export function seal(at: usize, length: u32): void {
  store<u32>(at, length, 4);
  store<u32>(at, crc(at + 4, at + 8 + <usize>length, 0));
}

let passed: u32 = 0;

/** How many frames the last `walk` went over. */
export function walked(): u32 {
  return passed;
}

/**
 * Goes over whole and intact frames from `at` on, and returns where the first begins that is not: one
 * that goes past `end`, whose length is above `lengthMax`, or whose checksum is not that of its bytes.
 */
export function walk(at: usize, end: usize, lengthMax: u32): usize {
  passed = 0;
  while (at + 8 <= end) {
    const length = load<u32>(at, 4);
    if (length > lengthMax || <usize>length > end - at - 8) break;
    const next = at + 8 + <usize>length;
    if (crc(at + 4, next, 0) != load<u32>(at)) break;
    at = next;
    passed++;
  }
  return at;
}
