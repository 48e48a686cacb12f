/**
 * A directory of segments read once more, by its description alone: whether it is a log, where that
 * begins, and its bytes. What is missing between segments reads as zeros, and is a gap.
 */

export type PlainDirectory =
  | { readonly isLog: false; readonly why: string }
  | {
      readonly isLog: true;
      readonly head: number;
      readonly image: Uint8Array;
      readonly hasGap: boolean;
    };

/** So many segments may be missing in a row. */
const missingMax = 1024;

export function plainDirectory(
  files: Readonly<Record<string, Uint8Array>>,
  segmentBytes: number,
): PlainDirectory {
  const segments = new Map<number, Uint8Array>();
  for (const [name, bytes] of Object.entries(files)) {
    if (!/^[0-9]{20}\.wal$/.test(name)) continue;
    const index = Number(name.slice(0, 20));
    if (Number.isSafeInteger(index)) segments.set(index, bytes);
  }
  for (const [index, bytes] of segments) {
    if (bytes.length > segmentBytes) return { isLog: false, why: `segment ${index} is too long` };
  }
  const head = headOf(files["head"], segments.has(0));
  if (head === null) return { isLog: false, why: "the head is torn" };
  const last = Math.max(-1, ...segments.keys());
  const length = last < 0 ? 0 : last * segmentBytes + (segments.get(last)?.length ?? 0);
  if (head > length) return { isLog: false, why: "the head is past the end" };
  if (hasStray([...segments.keys()], Math.floor(head / segmentBytes))) {
    return { isLog: false, why: `a segment stands far past the others` };
  }
  const image = new Uint8Array(length);
  let hasGap = false;
  for (let index = 0; index <= last; index++) {
    const bytes = segments.get(index);
    if (bytes !== undefined) image.set(bytes, index * segmentBytes);
    const isWhole = index === last || bytes?.length === segmentBytes;
    if (!isWhole && index >= Math.floor(head / segmentBytes)) hasGap = true;
  }
  return { isLog: true, head, image, hasGap };
}

function hasStray(indexes: readonly number[], first: number): boolean {
  let next = first;
  for (const index of indexes.toSorted((a, b) => a - b)) {
    if (index < next) continue;
    if (index - next > missingMax) return true;
    next = index + 1;
  }
  return false;
}

/** Null: it says nothing, and the first segment is gone. */
function headOf(marker: Uint8Array | undefined, hasFirst: boolean): number | null {
  if (marker === undefined) return 0;
  if (marker.length === 8) {
    const offset = new DataView(marker.buffer, marker.byteOffset, 8).getBigUint64(0, true);
    if (offset <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(offset);
  }
  return hasFirst ? 0 : null;
}
