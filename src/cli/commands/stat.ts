import { readFileSync } from "node:fs";
import type { LogInspection, LogLock, Lsn, RecoveryReport, Wal } from "../../index.ts";
import { type Command, type Context, command, jsonOption, logArgument, logOptions } from "../command.ts";
import { exitCode } from "../exit-code.ts";
import { Histogram } from "../histogram.ts";
import { openToRead, sourceOptions } from "../log-source.ts";
import { missingSegments, missingText } from "../missing-segments.ts";
import { printable, printableJson } from "../printable.ts";
import { bytesText, countText, counted, durationText } from "../quantity.ts";
import { factLines } from "../record-table.ts";
import type { Output } from "../terminal.ts";
import { DamageList, mayBeOnItsWay, type Verdict, verdictOf } from "../verdict.ts";
import { walk } from "../walk.ts";

export const stat: Command = command({
  name: "stat",
  summary: "Show what a log is: where it begins and ends, its records, segments and damage.",
  description: [
    "Reads every record once, to count them and to tell how long a replay takes; --quick leaves that out, and looks only at what opening the log would.",
    "Who holds the lock is known on Linux, for processes of this machine and of this container.",
    "The exit code is 0 also for a damaged log: verify judges.",
  ],
  arguments: [logArgument],
  options: {
    quick: { kind: "flag", short: "q", summary: "Do not read the records." },
    ...jsonOption,
    ...logOptions,
  },
  examples: [
    { line: "wal-db stat app.wal", does: "What is this log?" },
    { line: "wal-db stat --quick log/", does: "The same of a very large one, at once." },
    { line: "wal-db stat --json app.wal | jq .lock", does: "Who holds it?" },
  ],
  exits: ["corrupt"],
  async run(context, { arguments: [path = ""], options }) {
    const { terminal, signal } = context;
    const source = sourceOptions(options);
    const { layout, wal } = await openToRead(path, { ...source, signal });
    try {
      const tally = options.quick ? null : await tallyOf(context, wal, layout.length);
      const facts: Facts = { layout, recovery: wal.recovery, end: wal.end, tally };
      if (options.json) terminal.out.line(printableJson(jsonOf(facts)));
      else showAll(terminal.out, facts);
    } finally {
      await wal.close();
    }
    return exitCode.done;
  },
});

/** What reading all the records tells. */
interface Tally {
  readonly sizes: Histogram;
  readonly damages: DamageList;
  readonly verdict: Verdict;
  readonly seconds: number;
}

interface Facts {
  readonly layout: LogInspection;
  readonly recovery: RecoveryReport;
  readonly end: Lsn;
  readonly tally: Tally | null;
}

async function tallyOf({ terminal, signal }: Context, wal: Wal, length: number): Promise<Tally> {
  const sizes = new Histogram();
  const damages = new DamageList();
  const progress = terminal.progress("Reading");
  const begun = performance.now();
  const { head } = wal;
  let looked = 0;
  try {
    await walk(
      wal,
      {},
      {
        record(record) {
          sizes.add(record.length);
          if ((++looked & 0xfff) === 0) progress.update(record.next - head, length - head);
          return undefined;
        },
        damage: (damage) => damages.add(damage),
      },
      signal,
    );
  } finally {
    progress.clear();
  }
  const seconds = (performance.now() - begun) / 1000;
  return { sizes, damages, verdict: verdictOf(wal.recovery, damages), seconds };
}

function jsonOf({ layout, recovery, end, tally }: Facts): object {
  const { kind, path, segmentSize, segments, length, mark, lock, quarantines, readers } = layout;
  return {
    path,
    kind,
    head: recovery.head,
    end,
    length,
    mark,
    segmentSize,
    segments: segments.map((each) => ({ path: each.path, start: each.start, end: each.end })),
    lock: { ...lock, command: commandOf(lock) },
    quarantines: quarantines.map(({ path, offset, bytes }) => ({ path, lsn: offset, bytes })),
    readers: readers.map(({ name, position }) => ({ name, position })),
    missing: missingSegments(layout),
    tail: recovery.damage === null ? null : { ...recovery.damage, bytes: recovery.discarded },
    ...(tally === null ? {} : tallyJson(tally)),
  };
}

function tallyJson({ sizes, damages, verdict, seconds }: Tally): object {
  const { count, total, least, most, mean, buckets } = sizes;
  return {
    verdict,
    records: count,
    sizes: { total, min: count === 0 ? 0 : least, mean, max: most, histogram: buckets },
    damages: { count: damages.count, bytes: damages.bytes, first: damages.kept.slice(0, damagesShown) },
    replaySeconds: seconds,
  };
}

const damagesShown = 10;
const segmentsShown = 20;

function showAll(out: Output, facts: Facts): void {
  for (const line of factLines(rowsOf(facts), out)) out.line(line);
  const { tally, layout } = facts;
  if (tally !== null && tally.sizes.count > 0) {
    out.line();
    out.line(out.style("bold", "Records by length"));
    for (const line of tally.sizes.lines(histogramColumns)) out.line(`  ${line}`);
  }
  if (layout.kind === "segmented") showSegments(out, layout);
  if (tally !== null && tally.damages.count > 0) showDamages(out, tally.damages);
  for (const each of missingSegments(layout).slice(0, damagesShown))
    out.line(out.style("red", missingText(each)));
}

const histogramColumns = 40;

function rowsOf({ layout, recovery, end, tally }: Facts): [string, string][] {
  const { path, kind, lock, quarantines, readers } = layout;
  const rows: [string, string][] = [
    ["log", printable(path)],
    ["kind", kind === "file" ? "one file" : segmentsText(layout)],
    ["bytes", sizeText(layout.segments.reduce((sum, { start, end }) => sum + end - start, 0))],
    ["head", String(recovery.head)],
    ["end", endText(recovery, end, layout)],
    ["mark", markText(layout.mark, end)],
  ];
  if (tally !== null) rows.push(["records", recordsText(tally)]);
  rows.push(["damage", damageText(recovery, tally, layout)]);
  rows.push(["lock", lockText(lock)]);
  for (const { path, offset, bytes } of quarantines) {
    rows.push(["quarantine", `${bytesText(bytes)} cut off at ${offset}: ${printable(path)}`]);
  }
  for (const { name, position } of readers) {
    rows.push([
      "reader",
      `${printable(name)} at ${position}, ${bytesText(Math.max(0, end - position))} behind`,
    ]);
  }
  if (tally !== null) rows.push(["replay", replayText(tally)]);
  return rows;
}

function segmentsText({ segments, segmentSize }: LogInspection): string {
  if (segments.length === 0) return "segments, none yet";
  const size = segmentSize === null ? "a size that one alone does not show" : sizeText(segmentSize);
  return `${counted(segments.length, "segment")} of ${size}`;
}

function sizeText(bytes: number): string {
  return bytes < 1024 ? counted(bytes, "byte") : `${counted(bytes, "byte")} (${bytesText(bytes)})`;
}

function endText({ discarded }: RecoveryReport, end: number, { length }: LogInspection): string {
  const beyond = length - end;
  if (beyond <= 0) return String(end);
  if (discarded > 0) return `${end}, and ${counted(beyond, "byte")} past it, from the damage on`;
  return `${end}, and ${sizeText(beyond)} of zeros set aside past it`;
}

function markText(mark: number | null, end: number): string {
  if (mark === null) return "none: what was on stable storage is not known";
  if (mark > end) return `${mark}, ${counted(mark - end, "byte")} past the end: acknowledged data is lost`;
  if (mark === end) return `${mark}: everything was on stable storage`;
  return `${mark}; after it, ${bytesText(end - mark)} may be in the page cache only`;
}

function recordsText({ sizes }: Tally): string {
  if (sizes.count === 0) return "none";
  const { count, least, mean, most } = sizes;
  return `${countText(count)}, of ${bytesText(least)} to ${bytesText(most)}, ${bytesText(Math.round(mean))} on average`;
}

function damageText(recovery: RecoveryReport, tally: Tally | null, layout: LogInspection): string {
  if (tally === null) {
    if (recovery.damage === null) return "none at the end; --quick looked no further";
    return `${recovery.damage.kind} at ${recovery.damage.offset} (${recovery.damage.reason})`;
  }
  if (tally.verdict === "whole") return "none";
  if (tally.verdict === "torn" && mayBeOnItsWay(layout, recovery)) return "none; a record is being written";
  const { count, bytes } = tally.damages;
  const where = count === 0 ? "" : `, ${counted(count, "place")}, ${counted(bytes, "byte")}`;
  return `${verdictTexts[tally.verdict]}${where}`;
}

const verdictTexts: Readonly<Record<Verdict, string>> = {
  whole: "none",
  torn: "torn at the end, as a crash leaves it",
  corrupt: "corrupt",
  loss: "acknowledged data is lost",
};

function lockText(lock: LogLock): string {
  if (lock.state === "unknown") return "not known on this system";
  if (lock.state === "free") return "free";
  if (lock.pid === null) return "held";
  const command = commandOf(lock);
  return `held by process ${lock.pid}${command === null ? "" : ` (${printable(command)})`}`;
}

function commandOf({ pid }: LogLock): string | null {
  if (pid === null) return null;
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return null;
  }
}

const rateBytesMin: number = 1024 * 1024;

function replayText({ sizes, seconds }: Tally): string {
  // So few are read before the machine is warm: their rate says nothing about another log.
  if (sizes.total < rateBytesMin) return `about ${durationText(seconds)}`;
  const rate = seconds > 0 ? sizes.total / seconds : 0;
  return `about ${durationText(seconds)}, at ${bytesText(Math.round(rate))}/s as measured now, without what is done with the records`;
}

function showSegments(out: Output, { segments, quarantines }: LogInspection): void {
  if (segments.length === 0) return;
  out.line();
  out.line(
    out.style(
      "bold",
      `${"Segment".padEnd(24)}  ${"FROM".padStart(14)}  ${"TO".padStart(14)}  ${"BYTES".padStart(12)}`,
    ),
  );
  const hidden = segments.length > segmentsShown ? segments.length - segmentsShown : 0;
  for (const [index, { path, start, end }] of segments.entries()) {
    // The first and the last ones tell most.
    if (hidden > 0 && index === segmentsShown / 2)
      out.line(`  ... ${counted(hidden, "more segment")}; --json has all`);
    if (hidden > 0 && index >= segmentsShown / 2 && index < segments.length - segmentsShown / 2) continue;
    const name = path.slice(path.lastIndexOf("/") + 1);
    const held = quarantines.some(({ offset }) => offset >= start && offset < end)
      ? "  quarantined from"
      : "";
    out.line(
      `${printable(name)}  ${String(start).padStart(14)}  ${String(end).padStart(14)}  ${countText(end - start).padStart(12)}${held}`,
    );
  }
}

function showDamages(out: Output, { kept, count }: DamageList): void {
  out.line();
  out.line(out.style("bold", "Damage"));
  for (const { lsn, length, reason } of kept.slice(0, damagesShown)) {
    out.line(out.style("red", `  at ${lsn}: ${reason}, ${counted(length, "byte")} passed over`));
  }
  if (count > damagesShown)
    out.line(`  ... ${counted(count - damagesShown, "more place")}; wal-db verify --json has them`);
}
