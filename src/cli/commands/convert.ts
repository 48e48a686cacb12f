import { type Command, command, jsonOption, logArgument, logOptions } from "../command.ts";
import { exitCode } from "../exit-code.ts";
import { usageError } from "../failure.ts";
import { layoutAt } from "../log-source.ts";
import { printable, printableJson } from "../printable.ts";
import { counted } from "../quantity.ts";

export const convert: Command = command({
  name: "convert",
  summary: "Write the same records in another layout: one file, or segments.",
  description: [
    "LSNs stay. The result appears under its name at once and whole; the source is locked meanwhile and never changed. A damaged source is refused. The mark, named readers and quarantines are not taken along.",
    "A log whose front was dropped becomes one file only with --rebase, which lets its LSNs begin at 0.",
  ],
  arguments: [logArgument, { name: "NEW", summary: "Where the result goes. Nothing may stand there." }],
  options: {
    "segment-size": {
      kind: "bytes",
      value: "BYTES",
      summary: "Bytes per segment of the result. Default: one file.",
    },
    "source-segment-size": {
      kind: "bytes",
      value: "BYTES",
      summary: "Bytes per segment of the source; else as its files show.",
    },
    rebase: { kind: "flag", summary: "Let LSNs begin at 0 in the result." },
    "max-record-size": logOptions["max-record-size"],
    ...jsonOption,
  },
  examples: [
    { line: "wal-db convert app.wal log/ --segment-size 16MiB", does: "One file becomes segments." },
    { line: "wal-db convert log/ app.wal", does: "And back." },
  ],
  exits: ["corrupt", "loss", "locked"],
  async run({ terminal, signal }, { arguments: [from = "", to = ""], options }) {
    const { head } = layoutAt(from, { segmentSize: options["source-segment-size"] });
    if ((head ?? 0) > 0 && options["segment-size"] === undefined && !options.rebase) {
      throw usageError(
        `the front of ${from} was dropped: it begins at ${head}, and a single file begins at 0.`,
        "Give --segment-size; or --rebase, to let its LSNs begin at 0.",
      );
    }
    const library = await import("../../index.ts");
    const progress = terminal.progress("Converting");
    try {
      const report = await library.convert(from, to, {
        segmentSize: options["segment-size"],
        sourceSegmentSize: options["source-segment-size"],
        rebase: options.rebase,
        maxRecordSize: options["max-record-size"],
        onProgress: progress.update,
        signal,
      });
      progress.clear();
      if (options.json) terminal.out.line(printableJson(report));
      else {
        const { records, head, end, left } = report;
        terminal.out.line(`${printable(to)}: ${counted(records, "record")} from ${head} to ${end}.`);
        if (left > 0)
          terminal.warn(`${counted(left, "byte")} that a crash left at the end were not taken along.`);
      }
      return exitCode.done;
    } finally {
      progress.clear();
    }
  },
});
