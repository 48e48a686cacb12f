/**
 * A recipe: a valid log, and what is done to it. Numbers all the way, so that it can be drawn,
 * shrunk and changed by whoever looks for the input that breaks something; the case is what comes of it.
 */
import { crcPlain, frameOf, joined, logOf, markSlot, scanPlain } from "../support/plain-format.ts";
import { Random } from "#internal/testing/random.js";
import type { FuzzCase, FuzzOptions, Target } from "./case.ts";

export interface RecipeStep {
  /** Which change; see `changes` and `fileChanges`, modulo their number. */
  readonly kind: number;
  readonly at: number;
  readonly by: number;
}

export interface Recipe {
  readonly target: Target;
  readonly sizes: readonly number[];
  /** Each a choice among few. */
  readonly policy: number;
  readonly limit: number;
  readonly segment: number;
  /** Which record the mark claims, and which the head names, if any. */
  readonly mark: number;
  readonly head: number;
  readonly steps: readonly RecipeStep[];
}

type Files = Record<string, Uint8Array>;

function noise(length: number, seed: number): Uint8Array {
  return new Random(seed).bytes(length);
}

function payloads(sizes: readonly number[], life: number): Uint8Array[] {
  return sizes.map((size, i) => noise(size, i * 31 + life));
}

/** Where records begin, as far as they are intact, and the end. */
function boundsOf(image: Uint8Array): number[] {
  const { records, end } = scanPlain(image);
  return [...records.map((record) => record.lsn), end];
}

function pick<T>(list: readonly T[], by: number): T | undefined {
  return list[by % list.length];
}

function with_(image: Uint8Array, change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const bytes = image.slice();
  change(bytes, new DataView(bytes.buffer));
  return bytes;
}

const edges = [0, 1, 7, 8, 9, 255, 256, 4096, 4097, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** Sets the length of a record to an edge, or to one about what is left or was there. */
function setLength(image: Uint8Array, at: number, by: number, isSealed: boolean): Uint8Array {
  const start = pick(boundsOf(image), at) ?? 0;
  if (start + 8 > image.length) return image;
  return with_(image, (bytes, view) => {
    const left = image.length - start - 8;
    const now = view.getUint32(start + 4, true);
    const length = pick([...edges, left - 1, left, left + 1, now - 1, now + 1], by) ?? 0;
    view.setUint32(start + 4, Math.max(0, length), true);
    const end = Math.min(bytes.length, start + 8 + length);
    if (isSealed) view.setUint32(start, crcPlain(bytes.subarray(start + 4, end)), true);
  });
}

/** What may be done to the bytes of a log. */
const changes: readonly ((image: Uint8Array, at: number, by: number) => Uint8Array)[] = [
  // A bit.
  (image, at, by) =>
    with_(image, (bytes) => {
      const i = at % Math.max(1, bytes.length);
      if (i < bytes.length) bytes[i] = (bytes[i] ?? 0) ^ (1 << (by & 7));
    }),
  // Cut short.
  (image, at) => image.slice(0, at % (image.length + 1)),
  // Bytes put in between.
  (image, at, by) => {
    const i = at % (image.length + 1);
    return joined(image.subarray(0, i), noise(by % 40, by), image.subarray(i));
  },
  // A stretch of zeros.
  (image, at, by) => with_(image, (bytes) => bytes.fill(0, at % (bytes.length + 1)).subarray(0, by)),
  (image, at, by) =>
    with_(image, (bytes) => {
      const i = at % (bytes.length + 1);
      bytes.fill(0, i, i + (by % 64));
    }),
  // A stretch again, elsewhere.
  (image, at, by) => {
    const from = at % (image.length + 1);
    const to = by % (image.length + 1);
    const part = image.slice(from, from + (by % 97));
    return joined(image.subarray(0, to), part, image.subarray(to));
  },
  (image, at, by) => setLength(image, at, by, false),
  (image, at, by) => setLength(image, at, by, true),
  // A record whose payload holds a log.
  (image, at, by) => {
    const bounds = boundsOf(image);
    const i = pick(bounds, at) ?? 0;
    const inner = logOf(payloads([by % 30, 0, (by >> 5) % 20], by));
    const cut = by % 3 === 0 ? inner : inner.slice(0, inner.length - (by % 9));
    return joined(image.subarray(0, i), frameOf(cut), image.subarray(i));
  },
  // Zeros, a record, half a record behind it.
  (image, at, by) => joined(image, new Uint8Array(at % 40), frameOf(noise(by % 50, by))),
  (image, at) => joined(image, new Uint8Array(at % 600)),
  (image, at, by) => joined(image, frameOf(noise(20 + (by % 50), by)).slice(0, at % 28)),
  // What an earlier life of the log left from here on.
  (image, at, by) => {
    const i = at % (image.length + 1);
    return joined(image.subarray(0, i), logOf(payloads([9, 40, 0, by % 80, 3], by)).subarray(i % 7));
  },
  // An older log of the same sizes from a border on: intact, and in its place.
  (image, at, by) => {
    const i = pick(boundsOf(image), at) ?? 0;
    const old = scanPlain(image).records.map(({ payload }) => noise(payload.length, by));
    return joined(image.subarray(0, i), logOf(old).subarray(i));
  },
  // No log at all.
  (_image, at, by) => noise(at % 200, by),
];

function segmentNames(files: Files): string[] {
  return Object.keys(files)
    .filter((name) => /^\d{20}\.wal$/.test(name))
    .toSorted();
}

function segmentFile(index: number | bigint): string {
  return `${String(index).padStart(20, "0")}.wal`;
}

const strangeNames = [
  "1.wal",
  "00000000000000000000.WAL",
  "00000000000000000001.wal.tmp",
  "0000000000000000000a.wal",
  "99999999999999999999.wal",
  "00009007199254740992.wal",
  "000000000000000000001.wal",
  "-0000000000000000001.wal",
  "head.tmp",
  "mark.tmp",
  "log.wal",
  // Segments indeed, and far past any other.
  "00000000000000100000.wal",
  "00000000001000000000.wal",
];

/** What may be done to the files of a log. `prefix` stands before the names of what is beside it. */
const fileChanges: readonly ((files: Files, prefix: string, at: number, by: number) => void)[] = [
  // The mark: any bytes; a slot or two with any claim.
  (files, prefix, at, by) => (files[`${prefix}mark`] = noise(at % 40, by)),
  (files, prefix, at, by) => (files[`${prefix}mark`] = markSlot(at % 700, by)),
  (files, prefix, at, by) => {
    files[`${prefix}mark`] = joined(markSlot(at % 700, by), markSlot(by % 700, (by + 1) >>> 0));
  },
  (files, prefix, at, by) => {
    const mark = files[`${prefix}mark`];
    if (mark !== undefined && mark.length > 0)
      mark[at % mark.length] = (mark[at % mark.length] ?? 0) ^ (1 << (by & 7));
  },
  // Notes of cuts, positions of readers, what the archive has taken.
  (files, prefix, at, by) => (files[`${prefix}cuts`] = noise(at % 70, by)),
  (files, prefix, at, by) => {
    const body = new Uint8Array(56);
    new DataView(body.buffer).setUint32(4, at % 7, true);
    body.set(noise(48, by), 8);
    new DataView(body.buffer).setUint32(0, crcPlain(body.subarray(4, 8 + (at % 7) * 12)), true);
    files[`${prefix}cuts`] = body;
  },
  (files, prefix, at, by) => (files[`${prefix}reader-a`] = noise(at % 40, by)),
  (files, prefix, at, by) => (files[`${prefix}reader-${at % 3}`] = markSlot(by % 900, at)),
  (files, prefix, at, by) => (files[`${prefix}archived`] = markSlot(by % 900, at)),
  // A quarantine that is there already, of any name and with any bytes.
  (files, prefix, at, by) => {
    files[`${prefix}quarantine-${at % 700}${by % 3 === 0 ? ".1" : ""}`] = noise(by % 100, at);
  },
  (files, prefix, at) => {
    const whole = joined(...segmentNames(files).map((name) => files[name] ?? new Uint8Array(0)));
    const image = files[""] ?? whole;
    const end = boundsOf(image).at(-1) ?? 0;
    files[`${prefix}quarantine-${end}`] = image.slice(end, image.length - (at % 3));
  },
  // Segments: swapped, gone, short, long, of another name; the head.
  (files, _prefix, at, by) => {
    const names = segmentNames(files);
    const a = pick(names, at);
    const b = pick(names, by);
    if (a === undefined || b === undefined) return;
    [files[a], files[b]] = [files[b] ?? new Uint8Array(0), files[a] ?? new Uint8Array(0)];
  },
  (files, _prefix, at) => {
    const name = pick(segmentNames(files), at);
    if (name !== undefined) delete files[name];
  },
  (files, _prefix, at, by) => {
    const name = pick(segmentNames(files), at);
    const bytes = name === undefined ? undefined : files[name];
    if (name !== undefined && bytes !== undefined) files[name] = bytes.slice(0, by % (bytes.length + 1));
  },
  (files, _prefix, at, by) => {
    const name = pick(segmentNames(files), at);
    const bytes = name === undefined ? undefined : files[name];
    if (name !== undefined && bytes !== undefined) files[name] = joined(bytes, noise(by % 5, by));
  },
  (files, _prefix, at, by) => {
    if (!("" in files)) files[segmentFile(at % 40)] = noise(by % 65, at);
  },
  (files, _prefix, at, by) => {
    if (!("" in files)) files[pick(strangeNames, at) ?? "x"] = noise(by % 65, at);
  },
  (files, _prefix, at, by) => {
    if (!("" in files)) files["head"] = noise(at % 10, by);
  },
  (files, _prefix, at, by) => {
    if ("" in files) return;
    const marker = new Uint8Array(8);
    new DataView(marker.buffer).setBigUint64(0, BigInt(at % 1200), true);
    files["head"] = by % 4 === 0 ? marker.slice(0, by % 8) : marker;
  },
];

export const stepKinds: number = changes.length + fileChanges.length;

const policies = [undefined, "quarantine", "refuse", "truncate"] as const;
const limits = [64, 300, 1000, 4096, 64 * 1024 * 1024];
const segmentSizes = [1, 7, 64, 100, 257];

function optionsOf(recipe: Recipe): FuzzOptions {
  const { target, policy, limit, segment } = recipe;
  const inSegments = target === "segments" || (target !== "open" && segment % 2 === 1);
  return {
    onDamage: pick(policies, policy),
    verify: (policy & 4) === 0 ? "tail" : "full",
    readOnly: (policy & 24) === 24 || target === "read",
    maxRecordSize: pick(limits, limit) ?? 300,
    segmentSize: inSegments ? (pick(segmentSizes, segment >> 1) ?? 64) : null,
  };
}

function split(image: Uint8Array, size: number): Files {
  const files: Files = {};
  for (let at = 0; at < image.length; at += size) {
    files[segmentFile(at / size)] = image.slice(at, at + size);
  }
  return files;
}

/** The case that a recipe stands for. */
export function cook(recipe: Recipe): FuzzCase {
  const options = optionsOf(recipe);
  let image = logOf(payloads(recipe.sizes, 1));
  const bounds = boundsOf(image);
  const ofBytes = recipe.steps.filter(({ kind }) => kind % stepKinds < changes.length);
  const ofFiles = recipe.steps.filter(({ kind }) => kind % stepKinds >= changes.length);
  for (const { kind, at, by } of ofBytes) image = pick(changes, kind % stepKinds)?.(image, at, by) ?? image;

  const { segmentSize } = options;
  const files = segmentSize === null ? { "": image } : split(image, segmentSize);
  const prefix = segmentSize === null ? "." : "";
  const claim = recipe.mark % 3 === 0 ? undefined : pick(bounds, recipe.mark);
  if (claim !== undefined) files[`${prefix}mark`] = joined(markSlot(0, 1), markSlot(claim, 2));
  const head = recipe.head % 3 === 0 ? pick(bounds, recipe.head) : undefined;
  if (head !== undefined && segmentSize !== null) dropBefore(files, head, segmentSize);
  for (const { kind, at, by } of ofFiles) {
    fileChanges[(kind % stepKinds) - changes.length]?.(files, prefix, at, by);
  }
  const probes = recipe.steps.map(({ at }) => at % (image.length + 20));
  return { target: recipe.target, files, options, probes: [0, ...bounds, ...probes] };
}

function dropBefore(files: Files, head: number, size: number): void {
  const marker = new Uint8Array(8);
  new DataView(marker.buffer).setBigUint64(0, BigInt(head), true);
  files["head"] = marker;
  for (const name of segmentNames(files)) {
    if ((Number(name.slice(0, 20)) + 1) * size <= head && segmentNames(files).length > 1) delete files[name];
  }
}
