import type { Wal } from "../../index.ts";
import { type Command, type Context, command, jsonOption, logArgument, logOptions } from "../command.ts";
import { openToRead, sourceOptions } from "../log-source.ts";
import { type MissingSegments, missingSegments, missingText } from "../missing-segments.ts";
import { printable, printableJson, shellWord } from "../printable.ts";
import { bytesText, counted, durationText } from "../quantity.ts";
import { DamageList, exitOf, mayBeOnItsWay, type Verdict, verdictOf } from "../verdict.ts";
import { walk } from "../walk.ts";

export const verify: Command = command({
  name: "verify",
  summary: "Check every byte of a log, and say whether it is whole.",
  description: [
    "Reads from the head to the end, past damage, and verifies the checksum of every record. The exit code is the verdict.",
    "Beside a live writer, an incomplete last record may be one that is just being written: the log is called whole then, and the answer says so.",
  ],
  arguments: [logArgument],
  options: { ...jsonOption, ...logOptions },
  examples: [
    { line: "wal-db verify app.wal", does: "Is it whole?" },
    { line: "wal-db verify --json log/ > report.json || alert", does: "In a script." },
  ],
  exits: ["torn", "corrupt", "loss"],
  async run(context, { arguments: [path = ""], options }) {
    const { terminal } = context;
    const begun = performance.now();
    const report = await verified(context, path, sourceOptions(options));
    const seconds = (performance.now() - begun) / 1000;
    if (options.json) {
      const { damages, ...rest } = report;
      const { count, bytes, kept } = damages;
      const damage = { count, bytes, places: kept };
      terminal.out.line(printableJson({ ...rest, exit: exitOf(report.verdict), damage, seconds }));
    } else show(context, report, seconds);
    return exitOf(report.verdict);
  },
});

interface Verified {
  readonly path: string;
  readonly verdict: Verdict;
  /** Intact, wherever they stand. */
  readonly records: number;
  /** Of those, how many stand past the first damage. */
  readonly recordsBeyond: number;
  readonly head: number;
  readonly end: number;
  /** Where the bytes end. */
  readonly length: number;
  readonly mark: number | null;
  /** A live writer holds the log, and its end looks like a record on its way. */
  readonly isBeingWritten: boolean;
  readonly damages: DamageList;
  /** Files that are not there. */
  readonly missing: readonly MissingSegments[];
}

async function verified(
  { terminal, signal }: Context,
  path: string,
  source: ReturnType<typeof sourceOptions>,
): Promise<Verified> {
  const progress = terminal.progress("Verifying");
  try {
    const onProgress = progress.update;
    const { layout, wal } = await openToRead(path, { ...source, verify: "full", onProgress, signal });
    try {
      const { damages, records } = await pastEnd(wal, signal);
      const { recovery, head } = wal;
      const verdict = verdictOf(recovery, damages);
      const isBeingWritten = verdict === "torn" && mayBeOnItsWay(layout, recovery);
      return {
        path: layout.path,
        verdict: isBeingWritten ? "whole" : verdict,
        records: recovery.records + records,
        recordsBeyond: records,
        head,
        end: recovery.end,
        length: Math.max(layout.length, recovery.end),
        mark: recovery.mark,
        isBeingWritten,
        damages: isBeingWritten ? new DamageList() : damages,
        missing: missingSegments(layout),
      };
    } finally {
      await wal.close();
    }
  } finally {
    progress.clear();
  }
}

/** All up to the end of the last intact record was verified when the log was opened. What follows is not. */
async function pastEnd(
  wal: Wal,
  signal: AbortSignal,
): Promise<{ readonly damages: DamageList; readonly records: number }> {
  const damages = new DamageList();
  let records = 0;
  if (wal.recovery.discarded === 0) return { damages, records };
  const record = (): undefined => {
    records++;
  };
  const from = wal.recovery.end;
  await walk(wal, { from }, { record, damage: (damage) => damages.add(damage) }, signal);
  return { damages, records };
}

const placesShown = 20;

function show({ terminal: { out } }: Context, report: Verified, seconds: number): void {
  const { verdict, records, recordsBeyond, head, end, length, mark, damages, path } = report;
  const style = verdict === "whole" ? "green" : verdict === "torn" ? "yellow" : "red";
  out.line(`${out.style(style, verdict)}: ${printable(path)}`);
  const beyond = recordsBeyond === 0 ? "" : `; past that ${counted(recordsBeyond, "intact record")}`;
  const intact = counted(records - recordsBeyond, "record");
  out.line(`Intact from ${head} to ${end} (${intact})${verdictTexts[verdict]}${beyond}.`);
  if (report.isBeingWritten)
    out.line("A writer holds the log, and is writing a record just now, or died while it did.");
  if (mark !== null && mark > end && verdict === "loss") {
    out.line(
      `The mark says that everything below ${mark} was on stable storage: ${counted(mark - end, "byte")} more.`,
    );
  }
  for (const { lsn, length, reason } of damages.kept.slice(0, placesShown)) {
    out.line(out.style("red", `  at ${lsn}: ${reason}, ${counted(length, "byte")} passed over`));
  }
  if (damages.count > placesShown)
    out.line(`  ... and ${counted(damages.count - placesShown, "more place")}`);
  for (const each of report.missing.slice(0, placesShown)) out.line(out.style("red", missingText(each)));
  if (records === 0 && damages.count > 0)
    out.line("No intact record at all: is this a log, and the right one?");
  else if (verdict === "torn") out.line("Whoever opens it next cuts that off: nothing else need be done.");
  else if (verdict !== "whole")
    out.line(
      `Next: wal-db dump ${shellWord(path)} shows what is there; wal-db repair ${shellWord(path)} shows what can be done.`,
    );
  out.line(`${bytesText(length - head)} read in ${durationText(seconds)}.`);
}

const verdictTexts: Readonly<Record<Verdict, string>> = {
  whole: "",
  torn: ", then what a crash leaves",
  corrupt: ", then damage",
  loss: ", then damage, and acknowledged data is lost",
};
