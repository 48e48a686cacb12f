import { setTimeout as delay } from "node:timers/promises";
import type { LogInspection, Lsn, Wal, WalError, WalRecord } from "../../index.ts";
import { type Command, type Context, command, jsonOption, logArgument, logOptions } from "../command.ts";
import { exitCode } from "../exit-code.ts";
import { LastPlaces } from "../last-places.ts";
import { layoutAt, type LogSource, openToRead, type SourceOptions, sourceOptions } from "../log-source.ts";
import { recordOptions, type ShownRecords, shownRecords } from "../record-options.ts";
import { recordAt, walk } from "../walk.ts";

export const tail: Command = command({
  name: "tail",
  summary: "Show the last records; with -f, go on with those that come.",
  description: [
    "Follows through segments that turn, through cuts of the end and drops of the front, and, as tail -F does, through the removal of the log and another one in its place; each is told on standard error.",
    "Ends with Ctrl-C. What is shown is in the page cache; with --until durable it is on stable storage.",
  ],
  arguments: [logArgument],
  options: {
    follow: { kind: "flag", short: "f", summary: "Wait for more, until interrupted." },
    lines: { kind: "count", short: "n", value: "N", summary: "Begin with the last N records.", fallback: 10 },
    from: { kind: "lsn", value: "LSN", summary: "Begin at this record instead." },
    until: {
      kind: "choice",
      choices: ["appended", "durable"],
      summary: "Follow records once they are appended, or once they are on stable storage.",
      fallback: "appended",
    },
    ...recordOptions,
    ...jsonOption,
    ...logOptions,
  },
  examples: [
    { line: "wal-db tail app.wal", does: "The last ten records." },
    { line: "wal-db tail -f app.wal", does: "And all that come after." },
    {
      line: "wal-db tail -f -n 0 --until durable --json log/ | ship",
      does: "Hand on what is durable, and nothing that a power cut could take back.",
    },
  ],
  exits: ["corrupt"],
  async run(context, { arguments: [path = ""], options }) {
    const shown = await shownRecords(context.terminal, options);
    const source = { ...sourceOptions(options), mayBeEmpty: options.follow, signal: context.signal };
    const opened = await openToRead(path, source);
    shown.lines.begin();
    let from: Lsn = opened.wal.end;
    try {
      if (options.from === undefined) await showLast(context, opened.wal, options.lines, shown);
      else from = await showFrom(context, opened.wal, options.from, shown);
    } catch (error) {
      await opened.wal.close();
      throw error;
    }
    if (!options.follow) {
      await opened.wal.close();
      return exitCode.done;
    }
    return follow(context, { path, source, until: options.until, shown }, opened, from);
  },
});

interface Followed {
  readonly path: string;
  readonly source: SourceOptions;
  readonly until: "appended" | "durable";
  readonly shown: ShownRecords;
}

async function showFrom(context: Context, wal: Wal, from: Lsn, shown: ShownRecords): Promise<Lsn> {
  const { out } = context.terminal;
  const record = (each: WalRecord): Promise<void> | undefined => {
    if (shown.matches(each)) shown.lines.record(each);
    return out.isFull ? out.room() : undefined;
  };
  await walk(
    wal,
    { from, to: wal.end },
    { record, damage: (found) => shown.lines.damage(found) },
    context.signal,
  );
  return wal.end;
}

async function showLast(context: Context, wal: Wal, count: number, shown: ShownRecords): Promise<void> {
  if (count === 0) return;
  const places = new LastPlaces(count);
  const record = (each: WalRecord): undefined => {
    if (shown.matches(each)) places.add(each.lsn);
  };
  await walk(wal, { to: wal.end }, { record, damage: () => {} }, context.signal);
  for (const lsn of [...places.newestFirst()].toReversed()) {
    const each = recordAt(wal, lsn);
    if (each !== undefined) shown.lines.record(each);
    if (context.terminal.out.isFull) await context.terminal.out.room();
  }
}

/** One log after another, each in the place of the one before. */
async function follow(context: Context, what: Followed, opened: LogSource, from: Lsn): Promise<number> {
  let source = opened;
  let at: Lsn | undefined = from;
  for (;;) {
    const grown = new GrownLog(source.layout, what.source);
    try {
      at = await followOne(context, what, source.wal, at, grown);
    } finally {
      grown.stop();
      await source.wal.close();
    }
    source = await openAgain(context, what);
  }
}

/**
 * A directory with one segment does not show how long a segment is: read as if it never ended, the first byte of the
 * second one is missed, or taken for damage. So it is looked at until there are two, and then opened anew.
 */
class GrownLog {
  readonly #shown = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;

  constructor({ kind, path, segmentSize }: LogInspection, source: SourceOptions) {
    if (kind === "file" || segmentSize !== null) return;
    this.#timer = setInterval(() => {
      if (isSizeShown(path, source)) this.#shown.abort();
    }, lookMilliseconds);
  }

  /** Whether the segment size is not known. */
  get isWatched(): boolean {
    return this.#timer !== undefined;
  }

  /** Aborts once the segment size is known. */
  get signal(): AbortSignal {
    return this.#shown.signal;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function isSizeShown(path: string, source: SourceOptions): boolean {
  try {
    return layoutAt(path, source).segmentSize !== null;
  } catch {
    // Removed, perhaps: the follower tells of that.
    return false;
  }
}

/**
 * Until the log is replaced or removed, or goes on from where it cannot be followed: then the next one is followed from
 * its head. Or until it shows how long its segments are: then it is followed from the LSN returned.
 */
async function followOne(
  { terminal, signal }: Context,
  { path, source, until, shown }: Followed,
  wal: Wal,
  from: Lsn | undefined,
  grown: GrownLog,
): Promise<Lsn | undefined> {
  let at = from ?? wal.head;
  const follower = wal.follow({ from, until, signal: AbortSignal.any([signal, grown.signal]) });
  terminal.out.release();
  for (;;) {
    try {
      const { done, value } = await follower.next();
      if (done === true) {
        terminal.warn("the log went on elsewhere: beginning again at its head.");
        return undefined;
      }
      at = value.next;
      if (!shown.matches(value)) continue;
      shown.lines.record(value);
      terminal.out.release();
      if (terminal.out.isFull) await terminal.out.room();
    } catch (error) {
      signal.throwIfAborted();
      if (grown.signal.aborted) return at;
      const change = changeOf(error);
      if (change === null) {
        // The second segment came between two looks.
        if (grown.isWatched && isSizeShown(path, source)) return at;
        throw error;
      }
      terminal.warn(change.told);
      if (change.isOver) return undefined;
      if (change.cut !== undefined && change.cut < at) at = change.cut;
    }
  }
}

interface Change {
  readonly told: string;
  /** This log cannot be followed any more. */
  readonly isOver: boolean;
  /** Where its end was cut off. */
  readonly cut?: Lsn | undefined;
}

/** Null: a failure. */
function changeOf(error: unknown): Change | null {
  if (!(error instanceof Error) || error.name !== "WalError") return null;
  const { reason, offset, errno } = error as WalError;
  if (reason === "truncated") {
    // Asked again, it goes on at the cut, or says that it has ended.
    return {
      told: `the log was cut at ${offset ?? "an unknown place"}: what was shown from there on is gone.`,
      isOver: false,
      cut: offset,
    };
  }
  if (reason === "replaced" || errno === "ENOENT") {
    return { told: "the log was removed or replaced: following what stands in its place.", isOver: true };
  }
  return null;
}

const lookMilliseconds = 250;

async function openAgain({ signal }: Context, { path, source }: Followed): Promise<LogSource> {
  for (;;) {
    try {
      return await openToRead(path, source);
    } catch (error) {
      signal.throwIfAborted();
      const isMissing = (error as { readonly errno?: unknown }).errno === "ENOENT";
      if (!isMissing) throw error;
      await delay(lookMilliseconds, undefined, { signal });
    }
  }
}
