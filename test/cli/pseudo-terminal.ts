/**
 * wal-db on a terminal: a pseudo-terminal of the kernel, through Python's pty module, which is wherever these
 * tests run. Standard input, output and error are all it; what is typed waits for what it answers.
 */
import { spawn, spawnSync } from "node:child_process";
import { cliPath, plainEnvironment } from "./command-process.js";

export interface Typed {
  /** Typed once this has been shown. */
  readonly after: string;
  readonly text: string;
}

export interface TerminalRun {
  /** All that the terminal was sent. */
  readonly shown: string;
  readonly exit: number;
}

const program = `
import json, os, pty, select, struct, fcntl, termios, sys, time
asked = json.loads(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    os.chdir(asked["cwd"])
    os.execve(asked["words"][0], asked["words"], asked["env"])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, asked["columns"], 0, 0))
shown = b""
typed = asked["typed"]
end = time.monotonic() + 60
while time.monotonic() < end:
    ready, _, _ = select.select([fd], [], [], 0.1)
    if ready:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    if typed and typed[0]["after"].encode() in shown:
        os.write(fd, typed.pop(0)["text"].encode())
else:
    os.kill(pid, 9)
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(json.dumps({"exit": os.waitstatus_to_exitcode(status), "shown": shown.hex()}).encode())
`;

/** Why there is no pseudo-terminal to be had; false: there is. */
export const noTerminal: string | false =
  spawnSync("python3", ["-c", "import pty"]).status === 0 ? false : "no python3 with pty here";

export function runOnTerminal(
  words: readonly string[],
  options: {
    readonly cwd: string;
    readonly typed?: readonly Typed[];
    readonly env?: Readonly<Record<string, string>>;
    readonly columns?: number;
  },
): Promise<TerminalRun> {
  const { cwd, typed = [], env = {}, columns = 80 } = options;
  const asked = {
    cwd,
    typed,
    columns,
    env: plainEnvironment(env),
    words: [process.execPath, cliPath, ...words],
  };
  const child = spawn("python3", ["-c", program, JSON.stringify(asked)]);
  const parts: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  child.stderr.pipe(process.stderr);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => {
      const answer = JSON.parse(Buffer.concat(parts).toString()) as { exit: number; shown: string };
      resolve({ exit: answer.exit, shown: Buffer.from(answer.shown, "hex").toString() });
    });
  });
}
