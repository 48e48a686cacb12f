import { type Command, command, jsonOption, logArgument, logOptions } from "../command.ts";
import { exitCode } from "../exit-code.ts";
import { openToRead, sourceOptions } from "../log-source.ts";

export const stat: Command = command({
  name: "stat",
  summary: "Show what a log is: where it begins and ends, its records, segments and damage.",
  description: [],
  arguments: [logArgument],
  options: { ...jsonOption, ...logOptions },
  examples: [],
  exits: [],
  async run({ terminal, signal }, { arguments: [path = ""], options }) {
    const { wal } = await openToRead(path, { ...sourceOptions(options), signal });
    terminal.out.line(`${wal.head} ${wal.end}`);
    await wal.close();
    return exitCode.done;
  },
});
