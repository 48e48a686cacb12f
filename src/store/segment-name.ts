/** `00000000000000000007.wal`: the 20-digit index of a segment. Any other name is not a segment. */

const digits = 20;
const pattern = /^(\d{20})\.wal$/;

export function segmentName(index: number): string {
  return `${String(index).padStart(digits, "0")}.wal`;
}

/** The index that a file name bears, or null. */
export function segmentIndexOf(name: string): number | null {
  const match = pattern.exec(name);
  if (match === null) return null;
  const index = Number(match[1]);
  return Number.isSafeInteger(index) ? index : null;
}
