/** Those who do the work of a case, each behind the same three calls: begin, round, end. */
import { fork } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runFloor } from "./native-floor.mjs";

const program = fileURLToPath(new URL("./subject-process.mjs", import.meta.url));
const longest = 300_000;

/** A subject in a process of its own. */
export class SubjectProcess {
  #child = null;
  #name;
  #runtime;

  constructor(name, runtime) {
    this.#name = name;
    this.#runtime = runtime;
  }

  async start() {
    // Its warnings (node:sqlite is experimental in some versions) would break into the table.
    const execArgv = ["--expose-gc", "--no-warnings"];
    this.#child = fork(program, [], { execPath: this.#runtime, execArgv, stdio: ["ignore", 2, 2, "ipc"] });
    return this.#ask({ load: this.#name });
  }

  async run(body, folder, sizes) {
    const { done, failed } = await this.#ask({ run: body, folder, sizes });
    if (failed !== undefined) throw new Error(`${this.#name}, ${body}: ${failed}`);
    return done;
  }

  #ask(message) {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const end = (settle, value) => {
        clearTimeout(timer);
        child.off("message", answered).off("exit", exited);
        settle(value);
      };
      const answered = (answer) => end(resolve, answer);
      const exited = (code, signal) =>
        end(reject, new Error(`The process of ${this.#name} ended: ${code ?? signal}.`));
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        end(reject, new Error(`${this.#name} did not end within ${longest / 1000} s.`));
      }, longest);
      child.on("message", answered).on("exit", exited);
      child.send(message);
    });
  }

  async stop() {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await gone;
  }
}

/** Does `work` in a folder that is new, and gone afterwards. */
export async function inFolder(folder, work) {
  mkdirSync(folder);
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function nativeRound(floor, name, figure, folder) {
  return inFolder(folder, () => runFloor(floor, folder, name, figure));
}
