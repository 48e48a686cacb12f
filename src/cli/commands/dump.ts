import type { IterOptions, Lsn, Wal, WalRecord } from "../../index.ts";
import { type Command, type Context, command, jsonOption, logArgument, logOptions } from "../command.ts";
import { decoderOf } from "../decoder.ts";
import { exitCode } from "../exit-code.ts";
import { usageError } from "../failure.ts";
import { openToRead, sourceOptions } from "../log-source.ts";
import { anyForm, decodedForm, hexForm, type RecordForm, textForm } from "../record-form.ts";
import { RecordJson, type RecordLines, RecordTable } from "../record-table.ts";
import { DamageList, exitOf, mayBeOnItsWay, verdictOf } from "../verdict.ts";
import { type Damage, recordAt, walk } from "../walk.ts";

const options = {
  from: { kind: "lsn", value: "LSN", summary: "Begin at this record. Default: the head." },
  to: { kind: "lsn", value: "LSN", summary: "Leave out records that begin here or later." },
  limit: { kind: "count", value: "N", short: "n", summary: "Show the first N records, of those that match." },
  "reverse-last": { kind: "count", value: "N", summary: "Show the last N records, the newest first." },
  grep: { kind: "text", value: "REGEXP", short: "g", summary: "Show records whose text matches." },
  "ignore-case": { kind: "flag", short: "i", summary: "Match capitals and small letters alike." },
  hex: { kind: "flag", short: "x", summary: "Show the bytes of each record in hexadecimal." },
  text: {
    kind: "flag",
    short: "t",
    summary: "Show the whole text of each record, control characters escaped.",
  },
  raw: { kind: "flag", summary: "The bytes of each record as they are, and a newline. Not to a terminal." },
  decode: {
    kind: "text",
    value: "CODEC",
    short: "d",
    summary: "Show what json, msgpack, cbor or pack-io:FILE makes of each record.",
  },
  table: { kind: "flag", summary: "A table, also in a pipe." },
  ...jsonOption,
  ...logOptions,
} as const;

type Given = Parameters<Parameters<typeof command<typeof options>>[0]["run"]>[1]["options"];

export const dump: Command = command({
  name: "dump",
  summary: "Show the records: a table on a terminal, a line of JSON for each in a pipe.",
  description: [
    "Damage is shown where it stands, in red, and gone past. The exit code says the same as that of verify, of the part that was read.",
    "In JSON a record is {lsn, length, data}, data in base64; with --text, --hex or --decode it is text, hex or value in place of data. Damage is {damage: {lsn, length, reason}}.",
    "--decode msgpack and cbor use the packages msgpackr and cbor-x of the folder you are in. pack-io:FILE is a module whose default export is a codec of wal-db/pack-io; any object with decode(bytes) will do.",
  ],
  arguments: [logArgument],
  options,
  examples: [
    { line: "wal-db dump app.wal", does: "Look through a log." },
    { line: "wal-db dump app.wal --reverse-last 5 --hex", does: "The last five records, in hexadecimal." },
    { line: "wal-db dump app.wal --grep 'user=42\\b' --text", does: "Find records by their text." },
    {
      line: "wal-db dump log/ --json --decode json | jq .value",
      does: "Hand the values on to another program.",
    },
  ],
  exits: ["torn", "corrupt", "loss"],
  async run(context, { arguments: [path = ""], options }) {
    const { terminal, signal } = context;
    const form = await formOf(options);
    if (options.raw && terminal.out.isTerminal) {
      throw usageError(
        "--raw is for a pipe or a file: a terminal would obey what is in the records.",
        "Use --text or --hex.",
      );
    }
    const matches = matcherOf(options, form);
    const { layout, wal } = await openToRead(path, { ...sourceOptions(options), signal });
    try {
      const lines = options.raw ? new RawLines(context) : linesOf(context, options, form);
      const damages = new DamageList();
      const isOnItsWay = mayBeOnItsWay(layout, wal.recovery);
      const damage = (found: Damage): void => {
        if (found.lsn === options.from) return;
        const live = isOnItsWay && found.lsn >= wal.recovery.end;
        if (!live) damages.add(found);
        lines.damage(found, live ? "perhaps of a record that is just being written" : undefined);
      };
      const range = { from: options.from, to: options.to };
      lines.begin();
      if (options["reverse-last"] === undefined) {
        await showForward(context, wal, range, options.limit ?? Infinity, { lines, matches, damage });
      } else {
        await showLast(context, wal, range, options["reverse-last"], { lines, matches, damage });
      }
      if (damages.count === 0) return exitCode.done;
      return exitOf(verdictOf(wal.recovery, damages));
    } finally {
      await wal.close();
    }
  },
});

interface Shown {
  readonly lines: RecordLines;
  readonly matches: (record: WalRecord) => boolean;
  readonly damage: (damage: Damage) => void;
}

type Range = Pick<IterOptions, "from" | "to">;

async function showForward(
  { terminal: { out }, signal }: Context,
  wal: Wal,
  range: Range,
  limit: number,
  { lines, matches, damage }: Shown,
): Promise<void> {
  let left = limit;
  if (left === 0) return;
  const record = (each: WalRecord): Promise<void> | false | undefined => {
    if (!matches(each)) return undefined;
    lines.record(each);
    left--;
    if (left === 0) return false;
    return out.isFull ? out.room() : undefined;
  };
  await walk(wal, range, { record, damage }, signal);
}

/** Goes through once to find where they are, and reads them again: what is kept is where, not what. */
async function showLast(
  { terminal: { out }, signal }: Context,
  wal: Wal,
  range: Range,
  count: number,
  { lines, matches, damage }: Shown,
): Promise<void> {
  const places = new LastPlaces(count);
  const record = (each: WalRecord): undefined => {
    if (matches(each)) places.add(each.lsn);
  };
  const damages = new DamageList();
  await walk(wal, range, { record, damage: (found) => damages.add(found) }, signal);
  for (const found of damages.kept) damage(found);
  for (const lsn of places.newestFirst()) {
    const each = recordAt(wal, lsn);
    if (each !== undefined) lines.record(each);
    if (out.isFull) await out.room();
    signal.throwIfAborted();
  }
}

/** The last so many of the numbers that were added. */
export class LastPlaces {
  readonly #max: number;
  readonly #ring: Lsn[] = [];
  #next = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(lsn: Lsn): void {
    if (this.#max === 0) return;
    this.#ring[this.#next] = lsn;
    this.#next = (this.#next + 1) % this.#max;
  }

  *newestFirst(): Generator<Lsn> {
    for (let back = 1; back <= this.#ring.length; back++) {
      const lsn = this.#ring[(this.#next - back + this.#max) % this.#max];
      if (lsn !== undefined) yield lsn;
    }
  }
}

async function formOf(options: Given): Promise<RecordForm> {
  const asked = [options.hex, options.text, options.raw, options.decode !== undefined];
  if (asked.filter(Boolean).length > 1) {
    throw usageError("--hex, --text, --raw and --decode exclude each other: one form at a time.");
  }
  if (options.decode !== undefined) return decodedForm(await decoderOf(options.decode));
  return options.hex ? hexForm : options.text ? textForm : anyForm;
}

function matcherOf(options: Given, form: RecordForm): (record: WalRecord) => boolean {
  if (options.grep === undefined) return () => true;
  const pattern = patternOf(options.grep, options["ignore-case"]);
  return (record) => pattern.test(form.searched(record));
}

function patternOf(text: string, ignoreCase: boolean): RegExp {
  try {
    return new RegExp(text, ignoreCase ? "iu" : "u");
  } catch (error) {
    throw usageError(`--grep: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function linesOf({ terminal: { out } }: Context, options: Given, form: RecordForm): RecordLines {
  const isTable = !options.json && (options.table || out.isTerminal);
  return isTable ? new RecordTable(out, form) : new RecordJson(out, form);
}

const newline: Uint8Array = new Uint8Array([10]);

/** The bytes alone; damage is told on standard error. */
class RawLines implements RecordLines {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  begin(): void {}

  record(record: WalRecord): void {
    const { out } = this.#context.terminal;
    out.bytes(record.data);
    out.bytes(newline);
  }

  damage({ lsn, length, reason }: Damage): void {
    this.#context.terminal.warn(`${length} bytes at ${lsn} are no record (${reason}).`);
  }
}
