/** Logs in every state that one may be found in, made from the description of the format alone. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { frameOf, joined, logOf, markSlot } from "../support/plain-format.js";

/** What stands in them: text, JSON, nothing at all, bytes that are no text, and what a terminal would obey. */
export const payloads: readonly (string | Uint8Array)[] = [
  "the first record",
  '{"user":42,"does":"buy"}',
  "",
  new Uint8Array([0, 1, 2, 0xfe, 0xff, 0x1b, 0x5b]),
  "\u001b[31mred\u001b[0m \u009b2J \u202eback",
  "x".repeat(200),
  "Grüße, 世界 👋",
];

const frames: readonly Uint8Array[] = payloads.map(frameOf);
export const wholeLog: Uint8Array = logOf(payloads);
/** Where each record begins, and the end. */
export const bounds: readonly number[] = frames.reduce<number[]>(
  (all, frame) => [...all, (all.at(-1) ?? 0) + frame.length],
  [0],
);

function at(index: number): number {
  return bounds[index] ?? 0;
}

function damagedAt(index: number): Uint8Array {
  const image = wholeLog.slice();
  image[at(index) + 10] = (image[at(index) + 10] ?? 0) ^ 0x40;
  return image;
}

function segments(dir: string, image: Uint8Array, size: number, head: number): void {
  mkdirSync(dir);
  for (let index = Math.floor(head / size); index * size < image.length; index++) {
    const name = `${String(index).padStart(20, "0")}.wal`;
    writeFileSync(join(dir, name), image.subarray(index * size, (index + 1) * size));
  }
  if (head === 0) return;
  const marker = new Uint8Array(8);
  new DataView(marker.buffer).setBigUint64(0, BigInt(head), true);
  writeFileSync(join(dir, "head"), marker);
}

function mark(path: string, lsn: number): void {
  writeFileSync(path, joined(markSlot(lsn, 1), markSlot(lsn, 2)));
}

export const segmentBytes = 64;

/** By name; each makes a log of that name in a folder. */
export const states: Readonly<Record<string, (dir: string) => void>> = {
  "whole.wal"(dir) {
    writeFileSync(join(dir, "whole.wal"), wholeLog);
    mark(join(dir, "whole.wal.mark"), wholeLog.length);
  },
  "torn.wal": (dir) => writeFileSync(join(dir, "torn.wal"), wholeLog.subarray(0, -5)),
  "bad-last.wal": (dir) => writeFileSync(join(dir, "bad-last.wal"), damagedAt(6)),
  "corrupt.wal": (dir) => writeFileSync(join(dir, "corrupt.wal"), damagedAt(1)),
  "hole.wal"(dir) {
    const hole = new Uint8Array(64);
    writeFileSync(join(dir, "hole.wal"), joined(wholeLog, hole, frameOf("after the hole")));
  },
  "zeros.wal": (dir) => writeFileSync(join(dir, "zeros.wal"), joined(wholeLog, new Uint8Array(500))),
  "loss.wal"(dir) {
    writeFileSync(join(dir, "loss.wal"), damagedAt(1));
    mark(join(dir, "loss.wal.mark"), at(5));
  },
  "short.wal"(dir) {
    writeFileSync(join(dir, "short.wal"), wholeLog.subarray(0, at(3)));
    mark(join(dir, "short.wal.mark"), at(5));
  },
  segments: (dir) => segments(join(dir, "segments"), wholeLog, segmentBytes, 0),
  dropped: (dir) => segments(join(dir, "dropped"), wholeLog, segmentBytes, at(5)),
  "empty.wal": (dir) => writeFileSync(join(dir, "empty.wal"), ""),
  "empty-dir": (dir) => mkdirSync(join(dir, "empty-dir")),
  "notes.txt": (dir) => writeFileSync(join(dir, "notes.txt"), "This is not a log, it is a text.\n".repeat(9)),
  "other-dir"(dir) {
    mkdirSync(join(dir, "other-dir"));
    writeFileSync(join(dir, "other-dir", "readme.txt"), "nothing of ours");
  },
  "missing.wal": () => {},
};

export const allStates: readonly string[] = Object.keys(states);
