/**
 * A log as its files show it, put together by the description of the format and by no line of the
 * library; and from that, what an open must make of it.
 */
import { claimOf } from "../support/plain-format.ts";
import { expectedOpen, type OracleAnswer } from "../support/recovery-oracle.ts";
import type { Files } from "./machine.ts";

export interface Layout {
  readonly path: string;
  /** Null: one file. */
  readonly segmentSize: number | null;
}

export interface LogView {
  /** The whole run of bytes from 0; zeros below what is there, and where bytes are missing. */
  readonly image: Uint8Array;
  readonly head: number;
  readonly mark: Uint8Array | null;
  readonly gap: { readonly offset: number; readonly reason: string } | null;
  /** The log is not there at all. */
  readonly missing: boolean;
  /** What is wrong with the directory, where no policy helps. */
  readonly refusal: string | null;
}

const segmentPattern = /^(\d{20})\.wal$/;

export function segmentPath(dir: string, index: number): string {
  return `${dir}/${String(index).padStart(20, "0")}.wal`;
}

/** Where what stands beside the log has its names: this, and then the name. */
export function beside({ path, segmentSize }: Layout): string {
  return segmentSize === null ? `${path}.` : `${path}/`;
}

export function isOfLog({ path, segmentSize }: Layout, file: string): boolean {
  return segmentSize === null ? file === path : segmentPattern.test(file.slice(path.length + 1));
}

/** Sizes of the segments that are there, by index. */
export function segmentsIn(files: Files, dir: string): Map<number, number> {
  const sizes = new Map<number, number>();
  const length = segmentPath(dir, 0).length;
  for (const path of Object.keys(files)) {
    if (path.length !== length || !path.endsWith(".wal") || !path.startsWith(`${dir}/`)) continue;
    sizes.set(Number(path.slice(dir.length + 1, -4)), files[path]?.length ?? 0);
  }
  return sizes;
}

export function viewOf(files: Files, layout: Layout): LogView {
  const mark = files[`${beside(layout)}mark`] ?? null;
  if (layout.segmentSize !== null) return segmentedView(files, layout.path, layout.segmentSize, mark);
  const image = files[layout.path];
  const none = new Uint8Array(0);
  return { image: image ?? none, head: 0, mark, gap: null, missing: image === undefined, refusal: null };
}

function segmentedView(files: Files, dir: string, size: number, mark: Uint8Array | null): LogView {
  const sizes = segmentsIn(files, dir);
  const last = Math.max(-1, ...sizes.keys());
  const length = last < 0 ? 0 : last * size + (sizes.get(last) ?? 0);
  const marker = headIn(files[`${dir}/head`], sizes.has(0));
  const head = marker ?? 0;
  let refusal = marker === null ? "torn-head" : null;
  if ([...sizes.values()].some((each) => each > size)) refusal ??= "segment-size";
  if (head > length) refusal ??= "head-past-end";
  if (hasStray(sizes, Math.floor(head / size))) refusal ??= "stray-segment";
  const image = new Uint8Array(refusal === null ? length : 0);
  if (refusal === null) {
    for (const index of sizes.keys()) image.set(files[segmentPath(dir, index)] ?? [], index * size);
  }
  return { image, head, mark, gap: gapIn(files, dir, size, head), missing: false, refusal };
}

/** Null: it says nothing, and segment 0 is gone. */
function headIn(marker: Uint8Array | undefined, hasFirst: boolean): number | null {
  if (marker === undefined) return 0;
  const torn = hasFirst ? 0 : null;
  if (marker.length !== 8) return torn;
  const offset = new DataView(marker.buffer, marker.byteOffset, 8).getBigUint64(0, true);
  return offset <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(offset) : torn;
}

/** More than 1024 segments in a row are missing before one that is there. */
export function hasStray(sizes: ReadonlyMap<number, unknown>, first: number): boolean {
  const there = [first - 1, ...[...sizes.keys()].filter((index) => index >= first).toSorted((a, b) => a - b)];
  return there.some((index, i) => i > 0 && index - (there[i - 1] as number) > 1025);
}

/** The first place where bytes are missing although bytes follow that are not all zeros. */
function gapIn(files: Files, dir: string, size: number, head: number): LogView["gap"] {
  const sizes = segmentsIn(files, dir);
  const last = Math.max(-1, ...sizes.keys());
  const hasBytes = (index: number): boolean =>
    (files[segmentPath(dir, index)] ?? new Uint8Array(0)).some((byte) => byte !== 0);
  const withBytes = Math.max(-1, ...[...sizes.keys()].filter(hasBytes));
  for (let index = Math.floor(head / size); index < withBytes; index++) {
    const length = sizes.get(index);
    if (length === size) continue;
    const offset = Math.max(head, index * size + (length ?? 0));
    if (length === undefined) return { offset, reason: "missing-segment" };
    const others = [...sizes].filter(([each]) => each !== last).map(([, each]) => each);
    const alike = others.length > 1 && others[0] !== 0 && others.every((each) => each === others[0]);
    return { offset, reason: alike ? "segment-size" : "short-segment" };
  }
  return null;
}

export interface HowToOpen {
  readonly onDamage: "quarantine" | "refuse" | "truncate" | null;
  readonly verify: "tail" | "full";
  readonly maxRecordBytes: number;
}

/** What open must make of it; a reason of refusal where it must not open at all. */
export function expectedOf(view: LogView, how: HowToOpen): OracleAnswer {
  const mark = view.mark === null ? null : claimOf(view.mark);
  if (view.refusal !== null) return { opens: false, offset: 0, mark, reason: view.refusal };
  return expectedOpen({
    image: view.image,
    head: view.head,
    gap: view.gap,
    mark: view.mark,
    onDamage: how.onDamage ?? undefined,
    verify: how.verify,
    maxRecordBytes: how.maxRecordBytes,
  });
}

/** Whether a quarantine file for `offset` begins with these bytes. */
export function quarantined(files: Files, layout: Layout, offset: number, saved: Uint8Array): boolean {
  const name = `${beside(layout)}quarantine-${offset}`;
  return Object.entries(files).some(([path, bytes]) => {
    if (path !== name && !(path.startsWith(`${name}.`) && !path.endsWith(".tmp"))) return false;
    return bytes.length >= saved.length && holds(bytes, saved);
  });
}

/** Zeros in what was to be saved may have been anything in an earlier attempt, which saved them. */
function holds(bytes: Uint8Array, saved: Uint8Array): boolean {
  for (let i = 0; i < saved.length; i++) if (saved[i] !== 0 && saved[i] !== bytes[i]) return false;
  return true;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** The name of a file that is in one and not alike in the other; null when there is none. */
export function difference(before: Files, after: Files): string | null {
  for (const path of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [a, b] = [before[path], after[path]];
    if (a === undefined || b === undefined || !sameBytes(a, b)) return path;
  }
  return null;
}
