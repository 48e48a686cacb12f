import type { IterOptions, RecoveryReport, Wal, WalRecord } from "../../index.ts";
import { type Command, type Context, command, jsonOption, logArgument, logOptions } from "../command.ts";
import { openToRead, sourceOptions } from "../log-source.ts";
import { LastPlaces } from "../last-places.ts";
import { recordOptions, type ShownRecords, shownRecords } from "../record-options.ts";
import { DamageList, exitOf, mayBeOnItsWay, type Verdict, verdictOf } from "../verdict.ts";
import { type Damage, recordAt, walk } from "../walk.ts";

const options = {
  from: { kind: "lsn", value: "LSN", summary: "Begin at this record. Default: the head." },
  to: { kind: "lsn", value: "LSN", summary: "Leave out records that begin here or later." },
  limit: { kind: "count", value: "N", short: "n", summary: "Show the first N records, of those that match." },
  "reverse-last": { kind: "count", value: "N", summary: "Show the last N records, the newest first." },
  ...recordOptions,
  ...jsonOption,
  ...logOptions,
} as const;

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
    const shown = await shownRecords(terminal, options);
    const { layout, wal } = await openToRead(path, { ...sourceOptions(options), signal });
    try {
      const damages = new DamageList();
      const isOnItsWay = mayBeOnItsWay(layout, wal.recovery);
      const damage = (found: Damage): void => {
        if (found.lsn === options.from && found.lsn !== wal.head) {
          terminal.warn(
            `no record begins at ${found.lsn}; the next one does at ${found.lsn + found.length}.`,
          );
          return;
        }
        const live = isOnItsWay && found.lsn >= wal.recovery.end;
        if (!live) damages.add(found);
        shown.lines.damage(found, live ? "perhaps of a record that is just being written" : undefined);
      };
      const range = { from: options.from, to: options.to };
      shown.lines.begin();
      if (options["reverse-last"] === undefined) {
        await showForward(context, wal, range, options.limit ?? Infinity, { ...shown, damage });
      } else {
        await showLast(context, wal, range, options["reverse-last"], { ...shown, damage });
      }
      return exitOf(shortenedVerdict(context, wal.recovery, damages));
    } finally {
      await wal.close();
    }
  },
});

/** Of what was read; and of what the mark says was there, and is not. */
function shortenedVerdict({ terminal }: Context, recovery: RecoveryReport, damages: DamageList): Verdict {
  const { end, mark } = recovery;
  if (mark !== null && mark > end) {
    terminal.warn(`acknowledged data is lost: everything below ${mark} was on stable storage once.`);
  } else if (damages.count === 0) return "whole";
  return verdictOf(recovery, damages);
}

interface Shown extends ShownRecords {
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
