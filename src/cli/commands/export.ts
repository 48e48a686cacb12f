import { type Command, command, logArgument, logOptions } from "../command.ts";
import { openToRead, sourceOptions } from "../log-source.ts";
import { anyForm } from "../record-form.ts";
import { RecordJson } from "../record-table.ts";
import { DamageList, exitOf, mayBeOnItsWay, verdictOf } from "../verdict.ts";
import { walk } from "../walk.ts";

export const exportRecords: Command = command({
  name: "export",
  summary: "Write all records as lines of JSON, which import reads.",
  description: [
    "One line for each record: {lsn, length, data}, data in base64. Damage is gone past and told on standard error, and the exit code is that of verify: 0 says that nothing is missing.",
  ],
  arguments: [logArgument],
  options: {
    from: { kind: "lsn", value: "LSN", summary: "Begin at this record. Default: the head." },
    to: { kind: "lsn", value: "LSN", summary: "Leave out records that begin here or later." },
    json: { kind: "flag", summary: "It is JSON with and without this." },
    ...logOptions,
  },
  examples: [
    { line: "wal-db export app.wal > records.ndjson", does: "A copy that any program can read." },
    {
      line: "wal-db export damaged.wal | wal-db import salvaged.wal",
      does: "What is intact of a damaged log, as a new one.",
    },
  ],
  exits: ["torn", "corrupt", "loss"],
  async run({ terminal, signal }, { arguments: [path = ""], options }) {
    const { out } = terminal;
    const { layout, wal } = await openToRead(path, { ...sourceOptions(options), signal });
    try {
      const lines = new RecordJson(out, anyForm);
      const damages = new DamageList();
      const isOnItsWay = mayBeOnItsWay(layout, wal.recovery);
      await walk(
        wal,
        { from: options.from, to: options.to },
        {
          record(record) {
            lines.record(record);
            return out.isFull ? out.room() : undefined;
          },
          damage(damage) {
            if (isOnItsWay && damage.lsn >= wal.recovery.end) return;
            damages.add(damage);
            terminal.warn(`${damage.length} bytes at ${damage.lsn} are no record (${damage.reason}).`);
          },
        },
        signal,
      );
      const { mark, end } = wal.recovery;
      const isShort = mark !== null && mark > end;
      return exitOf(damages.count > 0 || isShort ? verdictOf(wal.recovery, damages) : "whole");
    } finally {
      await wal.close();
    }
  },
});
