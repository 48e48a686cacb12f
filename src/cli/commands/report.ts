import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { type LogInspection, type Wal, WalError } from "../../index.ts";
import { type Command, command, type Context, jsonOption, logArgument, logOptions } from "../command.ts";
import { exitCode } from "../exit-code.ts";
import { usageError } from "../failure.ts";
import { type LogSource, openToRead, sourceOptions } from "../log-source.ts";
import { printable, printableJson } from "../printable.ts";
import { bytesText, counted } from "../quantity.ts";
import { bytesBefore, bytesFrom, type ShownDamage } from "../report/damage-list.ts";
import { fileAt, readBytes } from "../report/log-bytes.ts";
import { checkReplaceable, writePage } from "../report/page-file.ts";
import { reportPage } from "../report/page.ts";
import { damageKindOf, type ReportedLog } from "../report/reported-log.ts";
import { surveyLog } from "../report/survey-log.ts";
import { damageShown } from "../report/survey.ts";
import { mayBeOnItsWay, type Verdict, verdictOf } from "../verdict.ts";
import type { Damage } from "../walk.ts";

/** Bytes kept of a payload: two lines of a hexadecimal dump short of a hundred. */
const startBytes = 96;
const recordsMax = 100_000;
const passesMax = 10;

export const report: Command = command({
  name: "report",
  summary: "Draw a log as one HTML page: map, sizes, growth, damage, records.",
  description: [
    "Reads the log once, from the head to the end (a log without a mark twice: opening it verifies it), in memory that does not grow with it, and writes one page that needs nothing else: no network, no server. It shows the map of the segments with head, mark, end, damage and quarantine; record sizes; growth; each damage with the bytes around it; and a table of records that can be filtered.",
    "Of a large log the page holds a part of the records, spread evenly, with the first, the last and those next to damage; it says how many. What a record holds is shown as text and never runs: the page's own policy allows its one script and no request.",
    "Changes nothing in the log, and works beside a live writer. The page is written under a temporary name and renamed; a file of that name that is no page is left alone.",
  ],
  arguments: [logArgument],
  options: {
    output: {
      kind: "path",
      short: "o",
      value: "FILE",
      summary: "Where the page goes, a name in .html; - for standard output.",
      fallback: "report.html",
    },
    records: {
      kind: "count",
      value: "N",
      summary: "Records in the page, about, of a log that has more.",
      fallback: 4000,
    },
    ...jsonOption,
    ...logOptions,
  },
  examples: [
    { line: "wal-db report app.wal -o report.html", does: "Draw a log, and open the page in a browser." },
    { line: "wal-db report log/ -o - | gzip > log.html.gz", does: "Send it elsewhere." },
  ],
  async run(context, { arguments: [path = ""], options }) {
    const { output, records } = options;
    if (records < 2 || records > recordsMax) {
      throw usageError(`--records is a number from 2 to ${recordsMax}; got ${records}.`);
    }
    if (output === "-" && options.json) {
      throw usageError("--json tells of the page on standard output, where -o - would have it too.");
    }
    if (output !== "-") checkReplaceable(output);
    const page = await pageOf(context, path, records, sourceOptions(options));
    if (output === "-") {
      context.terminal.out.text(page.text);
      return exitCode.done;
    }
    writePage(output, page.text);
    tell(context, output, page, options.json);
    return exitCode.done;
  },
});

interface Page {
  readonly text: string;
  readonly verdict: Verdict;
  readonly records: number;
  /** Of those, in the page. */
  readonly recordsShown: number;
  readonly damages: number;
}

function tell({ terminal }: Context, output: string, { text, ...page }: Page, asJson: boolean): void {
  const bytes = Buffer.byteLength(text);
  if (asJson) {
    terminal.out.line(printableJson({ page: resolve(output), bytes, ...page }));
    return;
  }
  const { records, damages, verdict } = page;
  terminal.note(`${counted(records, "record")}, ${counted(damages, "damage")}: ${verdict}.`);
  terminal.note(`The page is ${printable(output)}, ${bytesText(bytes)}.`);
}

/** Begins again where a live writer has dropped the front of the log during the pass. */
async function pageOf(...what: Parameters<typeof onePass>): Promise<Page> {
  for (let pass = 1; ; pass++) {
    try {
      return await onePass(...what);
    } catch (error) {
      const isDropped = error instanceof WalError && error.reason === "truncated";
      if (!isDropped || pass === passesMax) throw error;
    }
  }
}

/** Without a mark, all of it is verified here. */
async function opened(
  { terminal, signal }: Pick<Context, "terminal" | "signal">,
  path: string,
  source: ReturnType<typeof sourceOptions>,
): Promise<LogSource> {
  const progress = terminal.progress("Opening");
  try {
    return await openToRead(path, { ...source, signal, onProgress: progress.update });
  } finally {
    progress.clear();
  }
}

async function onePass(
  { terminal, signal }: Context,
  path: string,
  sampleMax: number,
  source: ReturnType<typeof sourceOptions>,
): Promise<Page> {
  const { layout, wal } = await opened({ terminal, signal }, path, source);
  const progress = terminal.progress("Reading");
  try {
    const begun = performance.now();
    const survey = await surveyLog(wal, { sampleMax, startBytes, signal, onProgress: progress.update });
    const seconds = (performance.now() - begun) / 1000;
    const log = reportedLog(layout, wal);
    const verdict = verdictOf(wal.recovery, survey.damages);
    const isBeingWritten = verdict === "torn" && mayBeOnItsWay(layout, wal.recovery);
    const damages = survey.damages.kept
      .slice(0, damageShown)
      .map((damage) => shownDamage(layout, log, damage));
    const made = new Date();
    const shown = isBeingWritten ? "whole" : verdict;
    const text = reportPage({
      log,
      survey,
      damages,
      verdict: shown,
      isBeingWritten,
      startBytes,
      made,
      seconds,
    });
    return {
      text,
      verdict: shown,
      records: survey.records,
      recordsShown: survey.kept.length,
      damages: survey.damages.count,
    };
  } finally {
    progress.clear();
    await wal.close();
  }
}

function reportedLog(layout: LogInspection, wal: Wal): ReportedLog {
  const { end, recovery, head } = wal;
  const { damage } = recovery;
  const { lock } = layout;
  return {
    path: layout.path,
    kind: layout.kind,
    segmentSize: layout.segmentSize,
    head,
    mark: recovery.mark ?? layout.mark,
    end,
    // Beside a live writer the log has grown since its files were listed.
    length: Math.max(layout.length, end),
    segments: layout.segments.map((segment) => ({
      name: basename(segment.path),
      start: segment.start,
      end: segment.end,
      modified: modifiedAt(segment.path),
    })),
    quarantines: layout.quarantines.map(({ path, offset, bytes }) => ({
      name: basename(path),
      lsn: offset,
      bytes,
    })),
    tail: damage === null ? null : damage.kind,
    holder: lock.state !== "held" ? null : lock.pid === null ? "another process" : `process ${lock.pid}`,
  };
}

/** Null where it is gone: a live writer has dropped it. */
function modifiedAt(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

function shownDamage(layout: LogInspection, log: ReportedLog, damage: Damage): ShownDamage {
  const { lsn } = damage;
  const file = fileAt(layout.segments, lsn);
  const bytesAt = Math.max(log.segments[0]?.start ?? 0, lsn - bytesBefore);
  return {
    ...damage,
    kind: damageKindOf(log, lsn),
    file: basename(file?.path ?? layout.path),
    fileOffset: lsn - (file?.start ?? 0),
    bytes: readBytes(layout.segments, bytesAt, lsn + bytesFrom),
    bytesAt,
  };
}
