/** What stands in the log of these rounds: each record is a function of the seed and of its number. */
import { Random } from "#internal/testing/random.js";

export type LogKind = "file" | "segments";

/** A prime, and small: most syncs reach into a segment that is new. */
export const segmentBytes = 8191;

const letters = "abcdefghijklmnopqrstuvwxyz";

function sizeOf(random: Random): number {
  const kind = random.next(100);
  if (kind < 70) return random.next(300);
  if (kind < 97) return random.next(5000);
  return random.next(4 * segmentBytes);
}

/** Record `number`: no two of them are alike, also where they are short. */
export function payloadOf(seed: number, number: number): string {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ number);
  const pattern = Array.from({ length: 23 }, () => letters[random.next(letters.length)]).join("");
  return `${number}:`.padEnd(sizeOf(random), pattern);
}
