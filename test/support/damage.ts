/** Kinds of damage, each applied to one record of a small log. */
import { joined, logOf, scanPlain } from "./plain-format.ts";

export const damageMaxRecordBytes = 4096;

const bytesOf = (length: number, salt: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + salt * 17 + (i >> 3)) & 0xff);

/** Five records; the first, the middle and the last have a payload. */
export const soundLog: Uint8Array = logOf([40, 0, 90, 300, 25].map(bytesOf));
export const soundRecords: readonly { readonly lsn: number; readonly payload: Uint8Array }[] =
  scanPlain(soundLog).records;
/** Where records begin, and the end. */
export const soundBounds: readonly number[] = [...soundRecords.map((r) => r.lsn), soundLog.length];

export interface Damaged {
  readonly image: Uint8Array;
  /** What to open it with. Default: `damageMaxRecordBytes`. */
  readonly maxRecordBytes?: number;
}

export interface Damage {
  readonly name: string;
  /** Whether it makes a difference to which record it is done. */
  readonly placed: boolean;
  apply(start: number, next: number): Damaged;
}

const noise = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => ((i * 2654435761) >>> 13) & 0xff);

function changed(change: (image: Uint8Array, view: DataView) => void): Damaged {
  const image = soundLog.slice();
  change(image, new DataView(image.buffer));
  return { image };
}

function placed(name: string, apply: Damage["apply"]): Damage {
  return { name, placed: true, apply };
}

function whole(name: string, apply: () => Damaged): Damage {
  return { name, placed: false, apply };
}

function lengthBy(change: (length: number) => number): Damage["apply"] {
  return (start) =>
    changed((_, view) => view.setUint32(start + 4, change(view.getUint32(start + 4, true)), true));
}

export const damages: readonly Damage[] = [
  placed("a bit of the checksum", (start) =>
    changed((_, view) => view.setUint8(start, view.getUint8(start) ^ 8)),
  ),
  placed(
    "length longer by one",
    lengthBy((length) => length + 1),
  ),
  placed(
    "length shorter by one",
    lengthBy((length) => length - 1),
  ),
  placed(
    "length past the end",
    lengthBy((length) => length + 2048),
  ),
  placed(
    "length implausible",
    lengthBy(() => 0xffff_ffff),
  ),
  placed("a bit of the payload", (_, next) =>
    changed((image, view) => view.setUint8(next - 1, (image[next - 1] ?? 0) ^ 0x80)),
  ),
  placed("zeroed", (start, next) => changed((image) => image.fill(0, start, next))),
  placed("overwritten with noise", (start, next) =>
    changed((image) => image.set(noise(next - start), start)),
  ),
  placed("zeroed from here on", (start) => changed((image) => image.fill(0, start))),
  placed("cut within the header", (start) => ({ image: soundLog.slice(0, start + 5) })),
  placed("cut after the header", (start) => ({ image: soundLog.slice(0, start + 8) })),
  placed("cut within the payload", (_, next) => ({ image: soundLog.slice(0, next - 2) })),
  placed("cut at its end", (_, next) => ({ image: soundLog.slice(0, next) })),
  placed("cut at its start", (start) => ({ image: soundLog.slice(0, start) })),
  placed("larger than maxRecordSize", (start, next) => ({
    image: soundLog,
    maxRecordBytes: next - start - 9,
  })),
  whole("noise appended", () => ({ image: joined(soundLog, noise(333)) })),
  whole("few bytes appended", () => ({ image: joined(soundLog, noise(5)) })),
  whole("zeros appended", () => ({ image: joined(soundLog, new Uint8Array(700)) })),
  whole("three zeros appended", () => ({ image: joined(soundLog, new Uint8Array(3)) })),
  whole("zeros and an intact record", () => ({
    image: joined(soundLog, new Uint8Array(64), logOf(["after the hole"])),
  })),
  whole("noise and an intact record", () => ({ image: joined(soundLog, noise(77), logOf(["after it"])) })),
  whole("all noise", () => ({ image: noise(soundLog.length) })),
  whole("all zeros", () => ({ image: new Uint8Array(soundLog.length) })),
  whole("another log, shorter", () => ({ image: logOf(["quite", "another"]) })),
  whole("another log, longer", () => ({ image: logOf([bytesOf(700, 3), "quite", "another"]) })),
  whole("sound", () => ({ image: soundLog })),
  whole("empty", () => ({ image: new Uint8Array(0) })),
];
