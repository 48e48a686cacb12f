/**
 * What one open log tells of itself: messages on the channels, and how its flushes are spread. The rooms
 * below know nothing of channels; each declares what it wants to be watched by, and this is it.
 *
 * Nothing here may throw, or call the log: it runs between the log's own steps.
 */
import type { FlushWatch } from "../commit/group-commit.ts";
import { WalError } from "../errors.ts";
import { slowFlushMilliseconds } from "../limits.ts";
import type { Lsn } from "../lsn.ts";
import type { ReadWatch } from "../read/iterate.ts";
import type { RecoveryReport } from "../recovery/report.ts";
import type { WalStore } from "../store/store.ts";
import type { ArchiveWatch, SealedSegment } from "../truncation/archive.ts";
import { channelsHere, type Channels, publishSoon } from "./channels.ts";
import { FlushMeter } from "./flush-meter.ts";
import type { AppendMessage, DamageMessage, FlushMessage, OpenMessage, WalMessage } from "./messages.ts";

/** What a thread has appended so far. */
interface Appended {
  readonly appends: number;
  readonly appendedBytes: number;
  readonly lastEnd: Lsn;
}

/** Where a log stands. */
interface Bounds {
  readonly head: Lsn;
  readonly tail: Lsn;
  readonly durable: Lsn;
}

/** WAL_CORRUPT with these reasons says that the log is not there, not that it is damaged. */
const notDamage: readonly (string | undefined)[] = ["truncated", "end"];

export class LogReporter implements FlushWatch, ArchiveWatch, ReadWatch {
  readonly meter: FlushMeter = new FlushMeter();
  readonly #channels: Channels = channelsHere();
  readonly #store: WalStore;
  readonly #log: WalMessage;
  readonly #begun: number;
  #appended: Appended | null = null;
  #recordsTold = 0;
  #bytesTold = 0;
  #poisonTold = false;

  constructor(store: WalStore) {
    this.#store = store;
    this.#log = logNamed(store.path, kindOf(store));
    this.#begun = this.now();
  }

  now(): number {
    return this.meter.now();
  }

  /* ---- opening ---- */

  opened(role: OpenMessage["role"], { head, tail: end, durable }: Bounds): void {
    const { open } = this.#channels;
    if (!open.hasSubscribers) return;
    const durationMs = this.now() - this.#begun;
    publishSoon(open, { ...this.#log, role, durationMs, head, end, durable });
  }

  recovered(report: RecoveryReport, begun: number): void {
    const { recovery, damage } = this.#channels;
    if (recovery.hasSubscribers) {
      publishSoon(recovery, { ...this.#log, durationMs: this.now() - begun, report });
    }
    const lostBytes = Math.max(0, (report.mark ?? 0) - report.end);
    if (!damage.hasSubscribers || (report.damage === null && lostBytes === 0)) return;
    const { offset, reason, kind, quarantine } = report.damage ?? {
      offset: report.end,
      reason: "shorter-than-mark",
      kind: null,
      quarantine: null,
    };
    const what = { offset, reason, kind, quarantine, bytes: report.discarded, lostBytes };
    publishSoon(damage, { ...this.#log, foundBy: "open", ...what, error: null });
  }

  /* ---- appends and flushes ---- */

  /** Whose appends are counted. */
  count(appended: Appended): void {
    this.#appended = appended;
  }

  begin(): number {
    return this.meter.begin();
  }

  end(begun: number, callers: number, from: number, to: number, error: WalError | null): void {
    const durationMs = this.meter.end(begun, callers);
    const { flush, slowFlush, segment } = this.#channels;
    const isSlow = durationMs > slowFlushMilliseconds;
    if (flush.hasSubscribers || (isSlow && slowFlush.hasSubscribers)) {
      const message = this.#flushed(durationMs, callers, from, to, error);
      if (flush.hasSubscribers) publishSoon(flush, message);
      if (isSlow && slowFlush.hasSubscribers) {
        publishSoon(slowFlush, { ...message, thresholdMs: slowFlushMilliseconds });
      }
    }
    if (segment.hasSubscribers) this.#tellTurns(from, to);
  }

  landed(): void {
    const appended = this.#appended;
    if (appended === null || appended.appends === this.#recordsTold) return;
    const { append } = this.#channels;
    if (append.hasSubscribers) publishSoon(append, this.#counted(appended));
    this.#recordsTold = appended.appends;
    this.#bytesTold = appended.appendedBytes;
  }

  /** Field by field, as the next one: these come often, and a spread costs some microseconds. */
  #flushed(
    durationMs: number,
    groupSize: number,
    from: number,
    to: number,
    error: WalError | null,
  ): FlushMessage {
    const { path, store, thread } = this.#log;
    const durable = Math.max(from, to) as Lsn;
    return { path, store, thread, durationMs, groupSize, bytes: durable - from, durable, error };
  }

  #counted({ appends, appendedBytes, lastEnd: end }: Appended): AppendMessage {
    const { path, store, thread } = this.#log;
    const records = appends - this.#recordsTold;
    return { path, store, thread, records, bytes: appendedBytes - this.#bytesTold, end };
  }

  /** Once for each: among threads one alone raises what is durable past the end of a segment. */
  #tellTurns(from: number, to: number): void {
    const size = this.#store.side?.segments?.size;
    if (size === undefined || Math.floor(from / size) >= Math.floor(to / size)) return;
    const files = this.#filesByStart();
    for (let end = (Math.floor(from / size) + 1) * size; end <= to; end += size) {
      const start = end - size;
      const facts = { file: files.get(start) ?? null, start: start as Lsn, end: end as Lsn };
      publishSoon(this.#channels.segment, { ...this.#log, ...facts });
    }
  }

  #filesByStart(): ReadonlyMap<number, string> {
    try {
      const list = this.#store.side?.segments?.list() ?? [];
      return new Map(list.map(({ start, path }) => [start, path]));
    } catch {
      // The directory cannot be looked at now.
      return new Map();
    }
  }

  /* ---- truncation ---- */

  /** The end was cut off, from where it was to where it is. */
  cutAfter(from: Lsn, to: Lsn): void {
    const { truncate } = this.#channels;
    if (!truncate.hasSubscribers) return;
    publishSoon(truncate, { ...this.#log, side: "after", from, to, bytes: from - to });
  }

  /** The front was dropped. */
  droppedBefore(from: Lsn, to: Lsn): void {
    const { truncate } = this.#channels;
    if (!truncate.hasSubscribers || from === to) return;
    publishSoon(truncate, { ...this.#log, side: "before", from, to, bytes: to - from });
  }

  taken(begun: number, { path: file, start, end }: SealedSegment): void {
    const { archive } = this.#channels;
    if (!archive.hasSubscribers) return;
    publishSoon(archive, { ...this.#log, file, start, end, durationMs: this.now() - begun, error: null });
  }

  notTaken(begun: number, file: string, start: Lsn, end: Lsn | null, error: WalError): void {
    const { archive } = this.#channels;
    if (!archive.hasSubscribers) return;
    publishSoon(archive, { ...this.#log, file, start, end, durationMs: this.now() - begun, error });
  }

  /* ---- what goes wrong ---- */

  /** Damage, if it is that. */
  found(foundBy: DamageMessage["foundBy"], error: unknown): void {
    publishDamage(this.#log, foundBy, error);
  }

  /** This thread knows now; it may learn it by more than one way. */
  poisoned(error: WalError | null): void {
    if (error === null || this.#poisonTold) return;
    this.#poisonTold = true;
    const { poison } = this.#channels;
    if (poison.hasSubscribers) publishSoon(poison, { ...this.#log, error });
  }
}

/** Opens a store; tells of damage that its files show before there is one. */
export function openWatched(path: string, kind: string, open: () => WalStore): WalStore {
  try {
    return open();
  } catch (error) {
    publishDamage(logNamed(path, kind), "open", error);
    throw error;
  }
}

function logNamed(path: string | undefined, kind: string | undefined): WalMessage {
  return { path: path ?? null, store: kind ?? "Object", thread: channelsHere().thread };
}

/** The name of its class; a class may have put anything in the place of that, and a log opens all the same. */
function kindOf(store: WalStore): string | undefined {
  try {
    const name: unknown = store.constructor?.name;
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}

function publishDamage(log: WalMessage, foundBy: DamageMessage["foundBy"], error: unknown): void {
  const { damage } = channelsHere();
  if (!damage.hasSubscribers || !(error instanceof WalError) || error.code !== "WAL_CORRUPT") return;
  const { offset = 0 as Lsn, reason, mark, length } = error;
  if (notDamage.includes(reason)) return;
  const bytes = foundBy === "iterate" ? (length ?? null) : null;
  const lostBytes = foundBy === "open" ? Math.max(0, (mark ?? 0) - offset) : 0;
  const judged = { kind: null, bytes, lostBytes, quarantine: null };
  publishSoon(damage, { ...log, foundBy, offset, reason: reason ?? "unknown", ...judged, error });
}
