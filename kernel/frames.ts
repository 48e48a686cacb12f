/**
 * The inner loops of the record format, in AssemblyScript: CRC32C over bytes in this module's
 * memory, and a walk over frames there. `npm run build` compiles this to WebAssembly and puts it, as
 * text, into src/record/kernel-code.ts; src/record/kernel.ts loads it. It decides nothing: what does
 * not verify here is looked at again, and judged, by src/record/scan.ts.
 *
 *   0        16 KiB   tables of slicing-by-16: entry (k << 8 | b) is byte b, then k zero bytes
 *   0x4000            remainder of a fold
 *   0x5000            130 zeros and more, and then
 *   0x6000            what is folded, 64 KiB and a little
 *
 * **Slicing-by-16** as in src/record/crc32c.ts.
 *
 * **Fold.** After Russell, "Chorba: A novel CRC32 implementation" (2024): a multiple of the polynomial
 * with few terms takes the front of a message away by a few exclusive ors further back. Here the
 * terms are whole bytes apart, and so 16 bytes go at once:
 *
 *      x^(8*130) = x^(8*(130-s1)) + ... + x^(8*(130-s7))   modulo P,  s = 66 67 70 97 98 105 130
 *
 *      v[i] = m[i] + v[i-s1] + ... + v[i-s7]     for the front, 16 bytes i at a time
 *      r[i] = the same, for the last 130 to 145 bytes, with nothing of v beyond the front
 *
 * The CRC of r, from a register of zero, is that of m. The s were found by a meet-in-the-middle
 * search over all sets of seven, the least of them at least 64 so that what is loaded has been
 * stored some steps before; test/record/kernel.test.ts checks the equation.
 */

const remainder: usize = 0x4000;
const folded: usize = 0x6000;

const s1: usize = 66;
const s2: usize = 67;
const s3: usize = 70;
const s4: usize = 97;
const s5: usize = 98;
const s6: usize = 105;
const s7: usize = 130;

/** From here on a fold is faster: 69 ns against 75 at 260 bytes, 93 against 140 at 512. */
const foldBytesMin: usize = 256;

/** What the space at `folded` has room for. */
const foldBytesMax: usize = 0x10000;

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

// @ts-ignore: a decorator of AssemblyScript
@inline
function mixed(m: usize, v: usize): v128 {
  const near = v128.xor(v128.load(v - s1), v128.xor(v128.load(v - s2), v128.load(v - s3)));
  const far = v128.xor(v128.xor(v128.load(v - s4), v128.load(v - s5)), v128.xor(v128.load(v - s6), v128.load(v - s7)));
  return v128.xor(v128.load(m), v128.xor(near, far));
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function mixedByte(m: usize, v: usize): u8 {
  const near = load<u8>(v - s1) ^ load<u8>(v - s2) ^ load<u8>(v - s3);
  return load<u8>(m) ^ near ^ load<u8>(v - s4) ^ load<u8>(v - s5) ^ load<u8>(v - s6) ^ load<u8>(v - s7);
}

/** For 146 bytes to `foldBytesMax`. */
function fold(at: usize, end: usize, register: u32): u32 {
  const zero = i32x4(0, 0, 0, 0);
  let m = at;
  let v = folded;
  const frontEnd = folded + ((end - at - s7) & ~15);
  v128.store(v, v128.xor(v128.load(m), i32x4(<i32>register, 0, 0, 0)));
  v += 16;
  m += 16;
  for (; v < frontEnd; v += 16, m += 16) v128.store(v, mixed(m, v));
  // Nothing beyond the front, for as far as the rest will look.
  for (let z: usize = 0; z < 144; z += 16) v128.store(v + z, zero);
  let r = remainder;
  for (; m + 16 <= end; m += 16, v += 16, r += 16) v128.store(r, mixed(m, v));
  for (; m < end; m++, v++, r++) store<u8>(r, mixedByte(m, v));
  return slice(remainder, r, 0);
}

/** The CRC32C of the bytes from `at` to `end`; `seed` is that of the bytes before. */
export function crc(at: usize, end: usize, seed: u32): u32 {
  let register = ~seed;
  for (; end - at > foldBytesMax; at += foldBytesMax) register = fold(at, at + foldBytesMax, register);
  return ~(end - at < foldBytesMin ? slice(at, end, register) : fold(at, end, register));
}

/** Writes the header of the frame at `at`, whose payload of `length` bytes is in place. */
export function seal(at: usize, length: u32): void {
  store<u32>(at, length, 4);
  store<u32>(at, crc(at + 4, at + 8 + <usize>length, 0));
}

/**
 * Goes over whole and intact frames from `at` on, and returns where the first begins that is not: one
 * that goes past `end`, whose length is above `lengthMax`, or whose checksum is not that of its bytes.
 */
export function walk(at: usize, end: usize, lengthMax: u32): usize {
  while (at + 8 <= end) {
    const length = load<u32>(at, 4);
    if (length > lengthMax || <usize>length > end - at - 8) break;
    const next = at + 8 + <usize>length;
    if (crc(at + 4, next, 0) != load<u32>(at)) break;
    at = next;
  }
  return at;
}
