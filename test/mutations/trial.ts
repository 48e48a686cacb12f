/**
 * The suite, or a part of it, run on a copy of the package that is broken in one place.
 *
 * The tests import the package by its own name, so a folder with package.json, dist/ and build/ is
 * all they need to run on what stands there. One process for each file of tests; what it says is read
 * as TAP. Only a test that fails by itself has found something: a copy that does not even load, or
 * hangs, would be noticed by anyone, and says nothing about the tests.
 */
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Patch, patched } from "../support/patch.js";
import { projectDir } from "../support/project.js";
import type { Detector } from "./mutation.js";

/**
 * - `assertion`: an assertion failed.
 * - `refused`: the library threw a WalError where it had to succeed.
 * - `survived`: every test passed.
 * - `crash`: something else went wrong, or it ended without saying that a test failed.
 * - `time-out`: it did not end.
 * - `no test`: no test ran at all.
 */
export type Verdict = "assertion" | "refused" | "survived" | "crash" | "time-out" | "no test";

export interface Outcome {
  readonly verdict: Verdict;
  /** The first test that failed. */
  readonly test: string | null;
  readonly milliseconds: number;
  readonly output: string;
}

export function isFound(verdict: Verdict): boolean {
  return verdict === "assertion" || verdict === "refused";
}

export class Trial {
  readonly #dir: string;
  readonly #copy: string;
  readonly #timeoutMilliseconds: number;

  constructor(timeoutMilliseconds: number) {
    this.#timeoutMilliseconds = timeoutMilliseconds;
    this.#dir = mkdtempSync(join(tmpdir(), "wal-db-mutations-"));
    this.#copy = join(this.#dir, "copy");
    mkdirSync(this.#copy);
    for (const part of ["dist", "build", "package.json"]) {
      cpSync(join(projectDir, part), join(this.#copy, part), { recursive: true });
    }
    symlinkSync(join(projectDir, "node_modules"), join(this.#copy, "node_modules"));
    // Images of logs that other tests read stand beside the project, where they are at hand.
    const beside = join(projectDir, "..", "shared");
    if (existsSync(beside)) symlinkSync(beside, join(this.#dir, "shared"));
  }

  /** Runs a detector on the copy: as it is, or with `patch` in it. */
  async run({ file, title }: Detector, patch?: Patch): Promise<Outcome> {
    const path = join(this.#copy, "build", "test", `${file}.test.js`);
    if (!existsSync(path)) throw new Error(`there is no test/${file}.test.ts`);
    const only = title === undefined ? [] : [`--test-name-pattern=${escaped(title)}`];
    const heal = patch === undefined ? null : this.#break(patch);
    try {
      return await this.#runNode(["--test-reporter=tap", ...only, path]);
    } finally {
      heal?.();
    }
  }

  close(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #break(patch: Patch): () => void {
    const file = join(this.#copy, "dist", patch.file);
    const whole = readFileSync(file, "utf8");
    writeFileSync(file, patched(whole, patch));
    return () => writeFileSync(file, whole);
  }

  #runNode(args: readonly string[]): Promise<Outcome> {
    const began = performance.now();
    // A group of its own, so that what it has started ends with it.
    const child = spawn(process.execPath, args, {
      cwd: this.#copy,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, this.#timeoutMilliseconds);
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (status) => {
        clearTimeout(timer);
        const { verdict, test } = judge(output, status);
        const milliseconds = performance.now() - began;
        resolve({ verdict: late && !isFound(verdict) ? "time-out" : verdict, test, milliseconds, output });
      });
    });
  }
}

function escaped(title: string): string {
  return title.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

interface Failure {
  readonly test: string;
  readonly verdict: Verdict;
}

/** What the TAP of a process that ended with `status` says. */
export function judge(tap: string, status: number | null): Omit<Outcome, "milliseconds" | "output"> {
  const failures = failuresIn(tap);
  const best = (["assertion", "refused", "crash"] as const)
    .map((verdict) => failures.find((failure) => failure.verdict === verdict))
    .find((failure) => failure !== undefined);
  if (best !== undefined) return best;
  if (status !== 0) return { verdict: "crash", test: null };
  const passed = [...tap.matchAll(/^ *ok \d+ - (.*)$/gm)].filter(([, title = ""]) => !/# SKIP\b/.test(title));
  return { verdict: passed.length > 0 ? "survived" : "no test", test: null };
}

/** Its details end where they begin: at the same indentation. What is within is further in. */
const failure = /^ *not ok \d+ - (.*)\n( *)---\n([^]*?)\n\2\.\.\.$/gm;

/** Each test that failed by itself, and not by one within it. */
function failuresIn(tap: string): Failure[] {
  const found: Failure[] = [];
  for (const [, test = "", , details = ""] of tap.matchAll(failure)) {
    const type = /^ *failureType: '?(\w+)'?$/m.exec(details)?.[1];
    if (type === "subtestsFailed") continue;
    found.push({ test, verdict: verdictOf(type, details) });
  }
  return found;
}

function verdictOf(type: string | undefined, details: string): Verdict {
  // Also one that failed where no test waited for it: the runner then says which test it was in.
  if (/^ *code: 'ERR_ASSERTION'$/m.test(details)) return "assertion";
  if (type !== "testCodeFailure") return "crash";
  // A property of fast-check throws an error of its own, with the input that it has shrunk to.
  if (/Property failed after \d+ tests/.test(details)) return "assertion";
  return /^ *code: 'WAL_\w+'$/m.test(details) ? "refused" : "crash";
}
