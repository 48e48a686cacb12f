import { createReadStream, statSync } from "node:fs";
import { basename } from "node:path";
import type { LogQuarantine } from "../../index.ts";
import {
  type Command,
  type Context,
  command,
  jsonOption,
  logArgument,
  logOptions,
  type Options,
  type Values,
  yesOption,
} from "../command.ts";
import { confirmed } from "../confirmed.ts";
import { exitCode } from "../exit-code.ts";
import { CliError, usageError } from "../failure.ts";
import { layoutAt, openToRead, openToWrite, sourceOptions } from "../log-source.ts";
import { printable, printableJson } from "../printable.ts";
import { bytesText, counted } from "../quantity.ts";
import { anyForm } from "../record-form.ts";
import { RecordJson, RecordTable } from "../record-table.ts";
import { tellOfRepair } from "../told.ts";
import { walk } from "../walk.ts";

const options = {
  to: {
    kind: "path",
    value: "LOG",
    summary: "Restore into this log instead, which is made if there is none.",
  },
  ...yesOption,
  ...jsonOption,
  ...logOptions,
} as const satisfies Options;

type Given = Values<typeof options>;

export const quarantine: Command = command({
  name: "quarantine",
  summary: "List, show and restore what repair and recovery have cut off and saved.",
  description: [
    "ls lists them. cat shows one: records and damage on a terminal, in a pipe its bytes as they are, with --json its records. restore appends the intact records of one to the log, or to another one with --to, after asking; they get new LSNs, and the quarantine stays: restored twice, they are there twice.",
  ],
  arguments: [
    { name: "ACTION", summary: "ls, cat or restore.", choices: ["ls", "cat", "restore"] },
    logArgument,
    {
      name: "QUARANTINE",
      summary: "Where it was cut off (an LSN), or the name of its file. Needed where there are several.",
      optional: true,
    },
  ],
  options,
  examples: [
    { line: "wal-db quarantine ls app.wal", does: "What was cut off?" },
    { line: "wal-db quarantine cat app.wal 4096 > damaged.bin", does: "Its bytes." },
    { line: "wal-db quarantine restore app.wal 4096", does: "Append its intact records." },
  ],
  exits: ["corrupt", "loss", "declined", "locked"],
  async run(context, { arguments: [action, path = "", name], options }) {
    const { quarantines } = layoutAt(path, { segmentSize: options["segment-size"] });
    if (action === "ls") return list(context, quarantines, options);
    const chosen = choose(quarantines, path, name);
    if (action === "cat") return show(context, chosen, options);
    return restore(context, path, chosen, options);
  },
});

function choose(
  quarantines: readonly LogQuarantine[],
  path: string,
  name: string | undefined,
): LogQuarantine {
  const fitting = quarantines.filter(
    (each) => name === undefined || String(each.offset) === name || basename(each.path) === basename(name),
  );
  const [chosen, another] = fitting;
  if (chosen !== undefined && another === undefined) return chosen;
  if (another !== undefined) {
    throw usageError(
      `quarantine: which one? There are ${fitting.map((each) => basename(each.path)).join(", ")}.`,
      "Give the LSN, or the name of the file.",
    );
  }
  const what = name === undefined ? "has no quarantine" : `has no quarantine "${name}"`;
  throw new CliError(exitCode.missing, `${path} ${what}.`, `wal-db quarantine ls ${path} lists them.`);
}

interface Content {
  readonly records: number;
  readonly bytes: number;
}

async function contentOf({ signal }: Context, { path }: LogQuarantine, given: Given): Promise<Content> {
  const { wal } = await openToRead(path, { ...sourceOptions(given), segmentSize: undefined, signal });
  const content = { records: 0, bytes: 0 };
  try {
    const record = ({ length }: { readonly length: number }): undefined => {
      content.records++;
      content.bytes += length;
    };
    await walk(wal, {}, { record, damage: () => {} }, signal);
  } finally {
    await wal.close();
  }
  return content;
}

async function list(context: Context, quarantines: readonly LogQuarantine[], given: Given): Promise<number> {
  const { out } = context.terminal;
  if (!given.json && quarantines.length === 0)
    out.line("There is no quarantine: nothing was cut off and saved.");
  if (!given.json && quarantines.length > 0) {
    out.line(
      out.style("bold", `${"LSN".padStart(12)}  ${"BYTES".padStart(10)}  ${"RECORDS".padStart(8)}  FILE`),
    );
  }
  for (const each of quarantines) {
    const { offset, bytes, path } = each;
    const { records } = await contentOf(context, each, given);
    if (given.json) out.line(printableJson({ lsn: offset, bytes, records, path }));
    else {
      const numbers = [String(offset).padStart(12), String(bytes).padStart(10), String(records).padStart(8)];
      out.line(`${numbers.join("  ")}  ${printable(path)}`);
    }
  }
  return exitCode.done;
}

async function show(context: Context, chosen: LogQuarantine, given: Given): Promise<number> {
  const { terminal, signal } = context;
  const { out } = terminal;
  if (!given.json && !out.isTerminal) {
    for await (const chunk of createReadStream(chosen.path, { signal })) {
      out.bytes(chunk as Uint8Array);
      if (out.isFull) await out.room();
    }
    return exitCode.done;
  }
  const lines = given.json
    ? new RecordJson(out, anyForm, chosen.offset)
    : new RecordTable(out, anyForm, chosen.offset);
  const { wal } = await openToRead(chosen.path, { ...sourceOptions(given), segmentSize: undefined, signal });
  try {
    lines.begin();
    await walk(
      wal,
      {},
      {
        record(record) {
          lines.record(record);
          return out.isFull ? out.room() : undefined;
        },
        damage: (damage) => lines.damage(damage),
      },
      signal,
    );
  } finally {
    await wal.close();
  }
  return exitCode.done;
}

/** Opened to be written, the only copy of what was cut off would be cut and appended to itself. */
function refuseSameFile({ path }: LogQuarantine, to: string): void {
  const [one, other] = [path, to].map((each) => statSync(each, { bigint: true, throwIfNoEntry: false }));
  if (one === undefined || other === undefined || one.dev !== other.dev || one.ino !== other.ino) return;
  throw usageError(`quarantine: ${to} is the quarantine itself.`, "Give another log with --to.");
}

const batchBytes: number = 1024 * 1024;

async function restore(context: Context, log: string, chosen: LogQuarantine, given: Given): Promise<number> {
  const { terminal, signal } = context;
  const to = given.to ?? log;
  refuseSameFile(chosen, to);
  const { records, bytes } = await contentOf(context, chosen, given);
  const plan = `${counted(records, "intact record")}, ${bytesText(bytes)}, from ${printable(chosen.path)}`;
  if (records === 0) {
    terminal.out.line(
      given.json ? printableJson({ restored: 0 }) : "It holds no intact record: nothing to restore.",
    );
    return exitCode.done;
  }
  if (!terminal.canAsk || given.yes) terminal.note(`To be appended to ${printable(to)}: ${plan}.`);
  if (!(await confirmed(context, given.yes, `Append ${plan} to ${printable(to)}?`))) return exitCode.declined;
  const target = await openToWrite(to, { ...sourceOptions(given), create: given.to !== undefined, signal });
  try {
    tellOfRepair(context, target);
    const from = target.end;
    const source = await openToRead(chosen.path, { ...sourceOptions(given), segmentSize: undefined, signal });
    try {
      let batch: Uint8Array[] = [];
      let held = 0;
      const hand = (): void => {
        target.appendBatch(batch);
        batch = [];
        held = 0;
      };
      const record = ({ data }: { readonly data: Uint8Array }): undefined => {
        batch.push(data);
        held += data.length;
        if (held >= batchBytes) hand();
      };
      await walk(source.wal, {}, { record, damage: () => {} }, signal);
      hand();
    } finally {
      await source.wal.close();
    }
    await target.sync();
    if (given.json) terminal.out.line(printableJson({ restored: records, from, end: target.end }));
    else
      terminal.out.line(
        `Done: ${counted(records, "record")} appended, from ${from} to ${target.end}. The quarantine is still there.`,
      );
  } finally {
    await target.close();
  }
  return exitCode.done;
}
