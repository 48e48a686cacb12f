/** Zeros: how far a run of them goes. What was set aside is long, so it is looked through by words. */

/** A run has to be so long before a view of words is made for it: most end sooner. */
const byBytesMax = 64;

/** Words that are looked at together. */
const stride = 8;

/** The first place in `[from, to)` with a byte that is not zero; `to` where there is none. */
export function zerosEnd(bytes: Uint8Array, from: number, to: number): number {
  const near = Math.min(to, from + byBytesMax);
  // Words begin at a multiple of four in the buffer.
  const aligned = Math.min(to, near + (-(bytes.byteOffset + near) & 3));
  const end = endByBytes(bytes, from, aligned);
  return end < aligned || end === to ? end : endByBytes(bytes, endByWords(bytes, aligned, to), to);
}

function endByBytes(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] === 0) at++;
  return at;
}

/** Not past a byte that is not zero, and less than a stride before it. */
function endByWords(bytes: Uint8Array, from: number, to: number): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + from, (to - from) >>> 2);
  let at = 0;
  // Every index is in bounds by the loop's condition, and this is the hot loop.
  for (const last = words.length - stride; at <= last; at += stride) {
    const any =
      (words[at] as number) |
      (words[at + 1] as number) |
      (words[at + 2] as number) |
      (words[at + 3] as number) |
      (words[at + 4] as number) |
      (words[at + 5] as number) |
      (words[at + 6] as number) |
      (words[at + 7] as number);
    if (any !== 0) break;
  }
  return from + 4 * at;
}
