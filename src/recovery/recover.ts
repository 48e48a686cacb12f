/**
 * Recovery: from the bytes that a crash left to a log that may be appended to.
 *
 *   1  scan from the mark (`verify: "tail"`) or the head; E = the end of the last intact record.
 *      Where that scan does not come to the end, or over intact records to nothing but zeros, scan again
 *      from the head: another writer of the format may have changed the log since, and the mark stand
 *      anywhere. Nothing but zeros from the mark on, as a killed process leaves preallocated segments, is
 *      believed if the mark before it leads over intact records to this one.
 *   2  loss: E < mark. Acknowledged data is gone. Refuse, unless a policy was named.
 *   3  tail = [E, length). All zeros: cut. Else look for an intact record in it:
 *        torn     none follows, and intact ones precede: what a crash leaves
 *        corrupt  one follows, or may, or the log holds none at all
 *   4  by policy refuse, or save the tail to quarantine, durably. (An incomplete last record is
 *      not saved: it is what every crash leaves, and was never acknowledged.)
 *   5  lower the mark to E, durably, if it stands above (only in 2, by policy)
 *   6  cut the store at E
 *   7  write [mark, E) again in place: after a failed flush its pages may look clean in the cache
 *      and not be on the disk (Rebello et al., USENIX ATC 2020)
 *   8  flush. Only now is anything called durable.
 *   9  raise the mark to E
 *
 * Nothing is changed before 4. A crash at any point of 4 to 9 and an open after it come to the
 * same end: the quarantine is found again by its bytes, each later step can be done twice.
 * Undecidable, and so cut off: whether an incomplete last record without a mark above it was ever
 * acknowledged. With the mark it is decided as far as the mark was written back.
 */
import { asIoError, WalError } from "../errors.ts";
import { readChunkBytes, rewriteChunkBytes, readOnlyOpenAttemptsMax } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import { type DamageReason, headerBytes } from "../record/format.ts";
import { Scan } from "../record/scan.ts";
import { Window } from "../record/window.ts";
import type { Steps } from "../store/store-io.ts";
import type { WalStore } from "../store/store.ts";
import { zerosEnd } from "../zeros.ts";
import { findIntact } from "./find-intact.ts";
import { Mark } from "./mark.ts";
import type { DamagePolicy, RecoveryDamage, RecoveryReport } from "./report.ts";

export interface RecoverOptions {
  readonly maxRecordBytes: number;
  /** Undefined: quarantine what is corrupt, refuse loss. */
  readonly onDamage: DamagePolicy | undefined;
  readonly verify: "tail" | "full";
  readonly readOnly: boolean;
  readonly onProgress: ((done: number, total: number) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface Recovered {
  readonly report: RecoveryReport;
  /** Null where the store keeps none. */
  readonly mark: Mark | null;
  /** All below is on stable storage. */
  readonly durable: Lsn;
}

/** What the scan found, before anything is decided. */
interface Found {
  readonly head: Lsn;
  readonly size: number;
  readonly scannedFrom: Lsn;
  readonly records: number;
  readonly end: Lsn;
  /** Null: the bytes end where the last intact record ends. */
  readonly reason: DamageReason | null;
}

export function* recover(store: WalStore, options: RecoverOptions): Steps<Recovered> {
  for (let attempt = 1; ; attempt++) {
    try {
      const recovered = yield* recoverOnce(store, options, attempt);
      if (recovered !== null) return recovered;
    } catch (error) {
      // A live writer has dropped a segment while it was being read.
      const passing = options.readOnly && error instanceof WalError && error.reason === "truncated";
      if (!passing || attempt >= readOnlyOpenAttemptsMax) throw error;
    }
  }
}

/** Null: a live writer has cut the log meanwhile, and it is to be looked at again. */
function* recoverOnce(store: WalStore, options: RecoverOptions, attempt: number): Steps<Recovered | null> {
  const mark = store.side?.mark === undefined ? null : openMark(store);
  const claim = mark?.lsn ?? null;
  // A live writer raises the mark after it has written: what is there now is what it speaks of.
  if (options.readOnly) lookAgain(store);
  // And lowers it before it shrinks the log: look again, if it has.
  const moved = (): boolean =>
    options.readOnly && attempt < readOnlyOpenAttemptsMax && openMark(store).lsn !== claim;
  const gap = gapError(store, options, claim);
  if (gap !== null) {
    if (moved()) return null;
    throw gap;
  }
  const found = yield* find(store, options, claim, mark?.previous ?? null);
  if (claim !== null && found.end < claim && !overridden(options)) {
    if (moved()) return null;
    throw lossError(store, options, found, claim);
  }
  const tail = yield* judge(store, options, found);
  if (options.readOnly) return viewOnly(store, options, found, tail, mark);
  return yield* repair(store, options, found, tail, mark);
}

function lookAgain(store: WalStore): void {
  try {
    store.side?.refresh?.();
  } catch (error) {
    throw asIoError(error, "Looking at the log again failed", { path: store.path });
  }
}

function openMark(store: WalStore): Mark {
  const file = store.side?.mark;
  if (file === undefined) throw new TypeError("openMark on a store without one");
  try {
    return new Mark(file);
  } catch (error) {
    throw asIoError(error, "Reading the mark beside the log failed", { path: store.path });
  }
}

/**
 * Bytes that are missing although bytes follow: past the mark a power cut explains it, else it is
 * loss. Or the segment size given is the wrong one: no policy is taken to accept that.
 */
function gapError(store: WalStore, options: RecoverOptions, claim: Lsn | null): WalError | null {
  const gap = store.side?.gap?.() ?? null;
  // Where zeros are all that follows, what is found says whether anything is lost.
  if (gap === null || gap.isBeforeZeros) return null;
  if (claim !== null && gap.offset >= claim) return null;
  if (overridden(options) && gap.reason !== "segment-size") return null;
  const what = gap.reason === "missing-segment" ? "is missing" : "is shorter than a segment";
  return new WalError(
    "WAL_CORRUPT",
    `${gap.path} ${what}, although later segments are there; the log lacks its bytes from ${gap.offset} on` +
      (claim === null ? ". " : `, and everything below ${claim} was on stable storage once. `) +
      "Nothing was changed. First: was segmentSize forgotten, or is it not the one that the log was made with? " +
      "It must be given again at every open. Only if it is right: restore the segment from a copy; or accept the loss with onDamage: 'quarantine', which saves what follows, or onDamage: 'truncate'.",
    { path: gap.path, offset: gap.offset as Lsn, reason: gap.reason, mark: claim ?? undefined },
  );
}

function overridden(options: RecoverOptions): boolean {
  return options.onDamage === "quarantine" || options.onDamage === "truncate";
}

/* ---- 1: the scan ---- */

function* find(
  store: WalStore,
  options: RecoverOptions,
  claim: Lsn | null,
  previous: Lsn | null,
): Steps<Found> {
  const head = checkedOffset(store, "head");
  const size = checkedOffset(store, "length");
  if (size < head) throw contractError(store, `its length ${size} is below its head ${head}`);
  // With a gap below the mark, accepted by policy, what follows the mark says nothing of it.
  const gap = store.side?.gap?.() ?? null;
  const reaches = claim !== null && (gap === null || gap.isBeforeZeros || gap.offset >= claim);
  if (options.verify === "tail" && reaches && claim > head && claim <= size) {
    const found = yield* scanFrom(store, options, head, size, claim);
    // Damage is not judged by a scan that a mark may have led astray: into a payload that holds a log.
    if (found.reason === null) return found;
    const zeros = yield* allZeros(store, options, found.end, size);
    if (zeros && found.records > 0) return found;
    if (zeros && previous !== null && previous >= head && previous < claim) {
      const before = yield* scanFrom(store, options, head, size, previous);
      if (before.end === claim) return before;
    }
  }
  return yield* scanFrom(store, options, head, size, head);
}

function* scanFrom(
  store: WalStore,
  options: RecoverOptions,
  head: Lsn,
  size: number,
  from: Lsn,
): Steps<Found> {
  const scan = new Scan(from, size, options.maxRecordBytes);
  const window = new Window(true, readChunkBytes);
  let records = 0;
  for (;;) {
    const step = scan.pass();
    if (step === "record") {
      records += scan.passed;
    } else if (step === "need") {
      options.signal?.throwIfAborted();
      options.onProgress?.(scan.offset - from, size - from);
      const enough = yield* fill(store, options, window, scan.offset, scan.want, size);
      if (!enough) scan.end = window.end;
      scan.show(window.bytes, window.start, window.length);
    } else {
      options.onProgress?.(size - from, size - from);
      const reason = step === "damage" ? scan.reason : null;
      return { head, size, scannedFrom: from, records, end: scan.offset, reason };
    }
  }
}

/** Brings `want` bytes from `offset` into the window; false when they are not there after all. */
function* fill(
  store: WalStore,
  options: RecoverOptions,
  window: Window,
  offset: number,
  want: number,
  end: number,
): Steps<boolean> {
  const into = window.prepare(offset, want, end);
  window.accept(yield { kind: "read", offset: window.end, into });
  if (window.end >= offset + want) return true;
  // Beside a live writer the log may shrink while it is read. With the lock it cannot.
  if (options.readOnly) return false;
  throw contractError(store, `its length is ${end}, but its bytes end at ${window.end}`);
}

/* ---- 3: what the tail is ---- */

interface Tail {
  readonly discarded: number;
  readonly damage: Omit<RecoveryDamage, "quarantine"> | null;
  /** Nothing but one record that did not get written in full. */
  readonly incomplete: boolean;
}

const noTail: Tail = { discarded: 0, damage: null, incomplete: false };

function* judge(store: WalStore, options: RecoverOptions, found: Found): Steps<Tail> {
  const { end, size, reason } = found;
  if (reason === null || (yield* allZeros(store, options, end, size))) return noTail;
  const follows = yield* findIntact(end, size, options.maxRecordBytes, options.signal);
  const kind = follows === null && end > found.head ? "torn" : "corrupt";
  const incomplete = kind === "torn" && (reason === "torn-header" || reason === "torn-payload");
  return { discarded: size - end, damage: { offset: end, reason, kind }, incomplete };
}

function* allZeros(store: WalStore, options: RecoverOptions, from: number, to: number): Steps<boolean> {
  const window = new Window(true, readChunkBytes);
  for (let at = from; at < to; at = window.end) {
    options.signal?.throwIfAborted();
    if (!(yield* fill(store, options, window, at, 1, to))) return true;
    if (zerosEnd(window.bytes, 0, window.length) < window.length) return false;
  }
  return true;
}

/* ---- 4 to 9: what is done about it ---- */

function viewOnly(
  store: WalStore,
  options: RecoverOptions,
  found: Found,
  tail: Tail,
  mark: Mark | null,
): Recovered {
  if (tail.damage?.kind === "corrupt" && options.onDamage === "refuse")
    throw corruptError(store, found, tail);
  const durable = Math.min(Math.max(mark?.lsn ?? 0, found.head), found.end) as Lsn;
  return { report: reportOf(found, tail, mark?.lsn ?? null, null), mark, durable };
}

function* repair(
  store: WalStore,
  options: RecoverOptions,
  found: Found,
  tail: Tail,
  mark: Mark | null,
): Steps<Recovered> {
  const lost = mark !== null && mark.lsn !== null && found.end < mark.lsn;
  if (tail.damage?.kind === "corrupt" && !lost && options.onDamage === "refuse") {
    throw corruptError(store, found, tail);
  }
  options.signal?.throwIfAborted();
  const claim = mark?.lsn ?? null;
  const mustSave = tail.damage !== null && (!tail.incomplete || lost) && options.onDamage !== "truncate";
  const quarantine = mustSave ? saveTail(store, found) : null;
  try {
    mark?.lower(found.end);
    if (found.size > found.end) store.truncate(found.end);
  } catch (error) {
    throw asIoError(error, `Cutting the log at ${found.end} failed`, { path: store.path, offset: found.end });
  }
  store.side?.assumeUnflushed?.(Math.min(claim ?? 0, found.end));
  yield* rewrite(store, Math.max(rewriteFrom(store, claim, found.end), found.head), found.end);
  yield { kind: "flush" };
  mark?.raise(found.end);
  return { report: reportOf(found, tail, claim, quarantine), mark, durable: found.end };
}

/**
 * The mark; and the first gap, if intact records go on over it. There a gap's zeros are those of a
 * record: left as they are, they would be missing again at the next open, and below the mark.
 */
function rewriteFrom(store: WalStore, claim: Lsn | null, end: Lsn): number {
  const gap = store.side?.gap?.() ?? null;
  return Math.min(claim ?? end, gap?.offset ?? end);
}

function saveTail(store: WalStore, found: Found): string {
  const where = { path: store.path, offset: found.end };
  if (store.side?.quarantine === undefined) {
    throw new WalError(
      "WAL_CORRUPT",
      `${nameOf(store)} holds ${found.size - found.end} bytes past its last intact record, from ${found.end} on ` +
        `(${found.reason}), and its store cannot save them. Nothing was changed. ` +
        "Copy them yourself, then open with onDamage: 'truncate'.",
      { ...where, reason: found.reason ?? undefined },
    );
  }
  try {
    return store.side.quarantine(found.end, found.size);
  } catch (error) {
    const io = asIoError(error, "", where);
    throw new WalError(
      "WAL_IO",
      `${nameOf(store)} holds ${found.size - found.end} bytes past its last intact record, from ${found.end} on ` +
        `(${found.reason}), and saving them to quarantine failed (${io.message.replace(/^: /, "")}). ` +
        "The log was not changed. Make room, or open with onDamage: 'truncate' to cut them without saving.",
      { ...where, errno: io.errno, cause: error },
    );
  }
}

function* rewrite(store: WalStore, from: number, to: number): Steps<void> {
  const buffer = new Uint8Array(Math.max(0, Math.min(rewriteChunkBytes, to - from)));
  for (let at = from; at < to;) {
    const into = buffer.subarray(0, Math.min(buffer.length, to - at));
    const got = yield { kind: "read", offset: at, into };
    if (got < into.length)
      throw contractError(store, `it ended at ${at + got}, within bytes it had given before`);
    try {
      store.writeAt(at, into);
    } catch (error) {
      throw asIoError(error, `Writing the recovered bytes at ${at} again failed`, {
        path: store.path,
        offset: at as Lsn,
      });
    }
    at += got;
  }
}

function reportOf(found: Found, tail: Tail, mark: Lsn | null, quarantine: string | null): RecoveryReport {
  const damage = tail.damage === null ? null : Object.freeze({ ...tail.damage, quarantine });
  const { head, scannedFrom, records, end } = found;
  return Object.freeze({ head, scannedFrom, records, end, discarded: tail.discarded, mark, damage });
}

/* ---- errors ---- */

function nameOf(store: WalStore): string {
  return store.path === undefined ? "The log" : `The log ${store.path}`;
}

function checkedOffset(store: WalStore, name: "head" | "length"): Lsn {
  let value: number;
  try {
    value = store[name];
  } catch (error) {
    throw asIoError(error, `Asking for the ${name} of the log failed`, { path: store.path });
  }
  if (Number.isSafeInteger(value) && value >= 0) return value as Lsn;
  throw contractError(store, `its ${name} is ${String(value)}, not a byte offset`);
}

function contractError(store: WalStore, what: string): WalError {
  return new WalError("WAL_IO", `${nameOf(store)} has a store that broke its contract: ${what}.`, {
    path: store.path,
    reason: "store-contract",
  });
}

/** A length above the limit is damage to a scan; to a user it may be a limit that is too low. */
function largerRecordHint(found: Found, options: RecoverOptions): string {
  if (found.reason !== "implausible-length") return "";
  return (
    `The length that stands there is above maxRecordSize, ${options.maxRecordBytes} bytes here: ` +
    "was the log written with a larger one? Then open it with that. Else: "
  );
}

function lossError(store: WalStore, options: RecoverOptions, found: Found, mark: Lsn): WalError {
  const reason = found.reason ?? "shorter-than-mark";
  return new WalError(
    "WAL_CORRUPT",
    `${nameOf(store)} has lost acknowledged data: everything below ${mark} was on stable storage once, ` +
      `but the bytes are intact only up to ${found.end} (${reason}, ${found.size} bytes are there). ` +
      `Nothing was changed. ${largerRecordHint(found, options)}` +
      "Restore the log from a copy, without this mark, which speaks of what was lost; or look at it with readOnly and " +
      "onDamage: 'truncate', where iter({ onDamage }) reads on past the damage; or accept the loss with " +
      "onDamage: 'quarantine', which saves what follows the intact part and goes on from there, " +
      "or onDamage: 'truncate', which does not save it.",
    { path: store.path, offset: found.end, mark, reason },
  );
}

function corruptError(store: WalStore, found: Found, tail: Tail): WalError {
  const length = tail.discarded;
  const what =
    found.end - found.head < headerBytes
      ? `holds no intact record in its ${length} bytes`
      : `is damaged at ${found.end}, ${length} bytes before its end, and intact records follow or may follow`;
  return new WalError(
    "WAL_CORRUPT",
    `${nameOf(store)} ${what} (${found.reason}). Nothing was changed, as onDamage: 'refuse' asks. ` +
      "Is it the right file, opened with the maxRecordSize it was written with? " +
      "onDamage: 'quarantine' saves those bytes beside the log and cuts them off.",
    { path: store.path, offset: found.end, reason: found.reason ?? undefined, length },
  );
}
