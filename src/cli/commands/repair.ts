import type { LogInspection, RecoveryReport, Wal } from "../../index.ts";
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
import { CliError } from "../failure.ts";
import { openToRead, openToWrite, type SourceOptions, sourceOptions } from "../log-source.ts";
import { missingSegments, missingText } from "../missing-segments.ts";
import { printable, printableJson } from "../printable.ts";
import { bytesText, counted } from "../quantity.ts";
import { DamageList, exitOf, type Verdict, verdictOf } from "../verdict.ts";
import { walk } from "../walk.ts";

export const repair: Command = command({
  name: "repair",
  summary: "Make a damaged log one that opens: shows the plan, asks, quarantines, cuts.",
  description: [
    "The log is cut where its intact part ends. What follows is saved beside it first, durably, to LOG.quarantine-LSN, intact records among it; wal-db quarantine shows and restores those. Only an incomplete last record, which every crash leaves, is not saved.",
    "Where the damage is below the mark, acknowledged data is lost: restore the log from a copy if there is one. To go on without, --accept-loss must be given.",
    "Takes the lock for the change, not for the plan. Whoever opens a torn log repairs it as well: this need not be run for it.",
  ],
  arguments: [logArgument],
  options: {
    "dry-run": { kind: "flag", summary: "Show the plan and change nothing." },
    "accept-loss": { kind: "flag", summary: "Go on although acknowledged data is lost." },
    ...yesOption,
    ...jsonOption,
    ...logOptions,
  },
  examples: [
    { line: "wal-db repair --dry-run app.wal", does: "What would be done?" },
    { line: "wal-db repair --yes app.wal", does: "Do it, in a script." },
  ],
  exits: ["corrupt", "loss", "declined", "locked"],
  async run(context, { arguments: [path = ""], options }) {
    const { terminal } = context;
    const source = { ...sourceOptions(options), signal: context.signal };
    const plan = await planFor(context, path, source);
    if (!options.json) for (const line of planLines(plan, path)) terminal.out.line(line);
    if (plan.verdict === "whole" || options["dry-run"]) {
      if (options.json) terminal.out.line(printableJson({ plan: jsonOf(plan), done: false }));
      return plan.verdict === "whole" ? exitCode.done : exitOf(plan.verdict);
    }
    if (plan.verdict === "loss" && !options["accept-loss"]) {
      if (options.json) terminal.out.line(printableJson({ plan: jsonOf(plan), done: false }));
      await terminal.out.flush();
      throw new CliError(
        exitCode.loss,
        "not done: acknowledged data is lost, and only you can say that this is to be accepted.",
        "Restore the log from a copy, without its mark; or give --accept-loss.",
      );
    }
    if (options.yes && isNoLog(plan)) {
      await terminal.out.flush();
      throw new CliError(
        exitCode.corrupt,
        `not done: ${path} holds no intact record and has no mark, so it may be no log at all.`,
        "If it is one, do it without --yes, and answer; or move it away: the next open makes a new one.",
      );
    }
    const question = `Repair ${printable(path)} like that?`;
    if (!(await confirmed(context, options.yes, question))) return exitCode.declined;
    const wal = await openToWrite(path, {
      ...source,
      damage: plan.verdict === "loss" ? "accept-loss" : "save",
      verify: plan.verdict === "loss" ? "full" : "tail",
    });
    const { recovery } = wal;
    await wal.close();
    tellDone(context, plan, recovery, options.json);
    return exitCode.done;
  },
});

/** A slip of the hand in a script must not cut down a file that is something else. */
function isNoLog({ recovery, beyond, verdict }: Plan): boolean {
  return (
    verdict === "corrupt" && recovery.records === 0 && beyond.records === 0 && (recovery.mark ?? 0) === 0
  );
}

interface Plan {
  readonly verdict: Verdict;
  readonly layout: LogInspection;
  readonly recovery: RecoveryReport;
  readonly damages: DamageList;
  /** Intact records past the damage, and their bytes. */
  readonly beyond: { readonly records: number; readonly bytes: number };
}

async function planFor(context: Context, path: string, source: SourceOptions): Promise<Plan> {
  const progress = context.terminal.progress("Reading");
  try {
    const how = { ...source, verify: "full", onProgress: progress.update } as const;
    const { layout, wal } = await openToRead(path, how);
    try {
      const { damages, beyond } = await pastEnd(wal, context.signal);
      return { verdict: verdictOf(wal.recovery, damages), layout, recovery: wal.recovery, damages, beyond };
    } finally {
      await wal.close();
    }
  } finally {
    progress.clear();
  }
}

async function pastEnd(wal: Wal, signal: AbortSignal): Promise<Pick<Plan, "damages" | "beyond">> {
  const damages = new DamageList();
  const beyond = { records: 0, bytes: 0 };
  if (wal.recovery.discarded === 0) return { damages, beyond };
  const record = ({ length }: { readonly length: number }): undefined => {
    beyond.records++;
    beyond.bytes += length;
  };
  await walk(wal, { from: wal.recovery.end }, { record, damage: (damage) => damages.add(damage) }, signal);
  return { damages, beyond };
}

function planLines({ verdict, layout, recovery, damages, beyond }: Plan, path: string): string[] {
  const { end, discarded, mark } = recovery;
  if (verdict === "whole") return [`${printable(path)} is whole: there is nothing to repair.`];
  const lines = [`${printable(path)} is ${verdictTexts[verdict]}.`, "", "The plan:"];
  const [first] = damages.kept;
  if (first !== undefined) lines.push(`  The intact part ends at ${end} (${first.reason}).`);
  if (discarded > 0) {
    const saved = isSaved(verdict, recovery)
      ? `are saved to ${printable(quarantineName(layout, end))}, then cut off`
      : "of an incomplete last record are cut off, not saved";
    lines.push(`  ${counted(discarded, "byte")} from there on ${saved}.`);
  }
  for (const each of missingSegments(layout).slice(0, missingShown)) lines.push(`  ${missingText(each)}`);
  if (recovery.records === 0 && beyond.records === 0)
    lines.push("  It holds no intact record at all: is this a log, and the right one?");
  if (beyond.records > 0) {
    lines.push(
      `  Intact in that: ${counted(beyond.records, "record")}, ${bytesText(beyond.bytes)}; wal-db quarantine restore appends them again.`,
    );
  }
  if (mark !== null && mark > end)
    lines.push(`  The mark goes down from ${mark} to ${end}: what was between is lost.`);
  lines.push(`  The log goes on at ${end}.`);
  return lines;
}

const missingShown = 20;

const verdictTexts: Readonly<Record<Verdict, string>> = {
  whole: "whole",
  torn: "torn at its end, as a crash leaves it",
  corrupt: "corrupt",
  loss: "damaged below its mark: acknowledged data is lost",
};

function isSaved(verdict: Verdict, { damage }: RecoveryReport): boolean {
  if (verdict !== "torn" || damage === null) return true;
  return damage.reason !== "torn-header" && damage.reason !== "torn-payload";
}

function quarantineName({ kind, path }: LogInspection, end: number): string {
  return kind === "file" ? `${path}.quarantine-${end}` : `${path}/quarantine-${end}`;
}

function jsonOf({ verdict, recovery, damages, beyond }: Plan): object {
  const { end, discarded, mark } = recovery;
  const cut = verdict === "whole" ? null : { from: end, bytes: discarded, saved: isSaved(verdict, recovery) };
  const damage = { count: damages.count, bytes: damages.bytes, places: damages.kept };
  return { verdict, end, mark, cut, intactBeyond: beyond, damage };
}

function tellDone({ terminal: { out } }: Context, plan: Plan, recovery: RecoveryReport, json: boolean): void {
  const quarantine = recovery.damage?.quarantine ?? null;
  const { end } = recovery;
  if (json) {
    out.line(printableJson({ plan: jsonOf(plan), done: true, end, quarantine }));
    return;
  }
  out.line();
  out.line(`Done: the log goes on at ${end}.`);
  if (quarantine !== null) out.line(`Saved: ${printable(quarantine)}`);
}
