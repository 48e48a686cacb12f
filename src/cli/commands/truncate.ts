import { Lsn, type Wal } from "../../index.ts";
import {
  type Command,
  type Context,
  command,
  jsonOption,
  logArgument,
  logOptions,
  yesOption,
} from "../command.ts";
import { confirmed } from "../confirmed.ts";
import { exitCode } from "../exit-code.ts";
import { usageError } from "../failure.ts";
import { layoutAt, openToRead, openToWrite, type SourceOptions, sourceOptions } from "../log-source.ts";
import { printableJson } from "../printable.ts";
import { counted } from "../quantity.ts";
import { tellOfRepair } from "../told.ts";
import { walk } from "../walk.ts";

export const truncate: Command = command({
  name: "truncate",
  summary: "Drop the records after one, or those before one, for good.",
  description: [
    "Takes the lock, says what goes, and asks on a terminal; elsewhere --yes must be given. Durable when it ends. What is dropped is not saved: wal-db export does that.",
    "--after LSN keeps that record and drops what follows it. --before LSN keeps that record and drops what precedes it: only a segmented log can, and it frees the segments that lie wholly below.",
  ],
  arguments: [logArgument],
  options: {
    after: { kind: "lsn", value: "LSN", summary: "The last record to keep." },
    before: { kind: "lsn", value: "LSN", summary: "The first record to keep." },
    ...yesOption,
    ...jsonOption,
    ...logOptions,
  },
  examples: [
    { line: "wal-db truncate app.wal --after 4096", does: "Drop what follows the record at 4096." },
    {
      line: "wal-db truncate log/ --before 1048576 --yes",
      does: "Free what is in the snapshot, in a script.",
    },
  ],
  exits: ["corrupt", "loss", "declined", "locked"],
  async run(context, { arguments: [path = ""], options }) {
    const { after, before } = options;
    if ((after === undefined) === (before === undefined)) {
      throw usageError("truncate: give either --after LSN or --before LSN.", "See wal-db truncate --help.");
    }
    const source = sourceOptions(options);
    if (before !== undefined && layoutAt(path, source).kind === "file") {
      throw usageError(
        `${path} is a log in one file, which gives nothing back from its front.`,
        "Make it a segmented one: wal-db convert LOG NEW --segment-size 16MiB.",
      );
    }
    const wal = await openToWrite(path, { ...source, signal: context.signal });
    try {
      tellOfRepair(context, wal);
      const range = rangeOf(wal, after, before);
      const what = await droppedText(path, source, range, context);
      const question = `Drop ${what} of the log, from ${range.from} to ${range.to}?`;
      if (range.to === range.from) context.terminal.note("There is nothing to drop.");
      else {
        if (options.yes || !context.terminal.canAsk) context.terminal.note(question.replace(/\?$/, "."));
        if (!(await confirmed(context, options.yes, question))) return exitCode.declined;
        if (after !== undefined) await wal.truncateAfter(after);
        if (before !== undefined) await wal.truncateBefore(before);
      }
      tell(context, wal, range, options.json);
    } finally {
      await wal.close();
    }
    return exitCode.done;
  },
});

interface Range {
  readonly from: number;
  readonly to: number;
}

/** What goes, in the words of somebody who has to say yes. */
async function droppedText(
  path: string,
  source: SourceOptions,
  { from, to }: Range,
  { signal }: Context,
): Promise<string> {
  let records = 0;
  let damages = 0;
  const record = (): undefined => {
    records++;
  };
  const damage = (): undefined => {
    damages++;
  };
  if (to > from) {
    const { wal } = await openToRead(path, { ...source, signal });
    try {
      await walk(wal, { from: Lsn(from), to: Lsn(to) }, { record, damage }, signal);
    } finally {
      await wal.close();
    }
  }
  const damaged = damages === 0 ? "" : ` and ${counted(damages, "place")} of damage`;
  return `${counted(records, "record")}${damaged}, ${counted(to - from, "byte")}`;
}

/** Also finds out that there is such a record, before anybody is asked. */
function rangeOf(wal: Wal, after: Lsn | undefined, before: Lsn | undefined): Range {
  if (after !== undefined) return { from: nextOf(wal, after), to: wal.end };
  if (before !== undefined && before !== wal.end) nextOf(wal, before);
  return { from: wal.head, to: before ?? wal.head };
}

function nextOf(wal: Wal, lsn: Lsn): Lsn {
  try {
    return wal.read(lsn).next;
  } catch (error) {
    const isCorrupt = error instanceof Error && "code" in error && error.code === "WAL_CORRUPT";
    if (!isCorrupt) throw error;
    throw usageError(
      `no intact record begins at ${lsn}; the log goes from ${wal.head} to ${wal.end}.`,
      "wal-db dump shows the LSN of every record.",
    );
  }
}

function tell({ terminal }: Context, wal: Wal, { from, to }: Range, json: boolean): void {
  const { head, end } = wal;
  if (json) terminal.out.line(printableJson({ head, end, dropped: { from, to } }));
  else terminal.out.line(`The log now begins at ${head} and ends at ${end}.`);
}
