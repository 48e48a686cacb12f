import { type Command, command, jsonOption } from "../command.ts";
import { completionFor, type Shell, shells } from "../completion.ts";
import { exitCode } from "../exit-code.ts";
import { printableJson } from "../printable.ts";

export const completion: Command = command({
  name: "completion",
  summary: "Print a script that completes command lines in your shell.",
  description: ["The script names its own place in its first lines."],
  arguments: [{ name: "SHELL", summary: "bash, zsh or fish.", choices: shells }],
  options: { ...jsonOption },
  examples: [
    { line: 'eval "$(wal-db completion bash)"', does: "For this bash, or in ~/.bashrc for all." },
    { line: 'wal-db completion zsh > "${fpath[1]}/_wal-db"', does: "For zsh." },
    { line: "wal-db completion fish > ~/.config/fish/completions/wal-db.fish", does: "For fish." },
  ],
  async run({ terminal }, { arguments: [shell], options }) {
    const { entries } = await import("../commands.ts");
    const commands = await Promise.all(entries.map((entry) => entry.load()));
    const script = completionFor(shell as Shell, commands);
    if (options.json) terminal.out.line(printableJson({ shell, script }));
    else terminal.out.text(script);
    return exitCode.done;
  },
});
