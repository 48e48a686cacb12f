/**
 * Compiles snippets against the package, all in one go, and runs each in a folder of its own. They
 * stand under build/ while they do: there `wal-db` is this package, as it is for its tests.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectDir } from "../support/project.js";
import { preludes } from "./preludes.js";
import { type Snippet, statedOutput } from "./snippet.js";

const compileMillisecondsMax = 60_000;
const runMillisecondsMax = 20_000;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string, args: readonly string[], cwd: string, timeout: number): Promise<Outcome> {
  return new Promise((resolve) => {
    // An example with tests of its own is the root of its run, and no child of this one.
    const { NODE_TEST_CONTEXT: _ours, ...env } = process.env;
    const child = execFile(file, args, { cwd, env, timeout }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

export class SnippetFolder {
  readonly #dir: string;
  readonly #snippets: readonly Snippet[];
  readonly #preludeLines: number[] = [];
  readonly #withoutPrelude = new Map<Snippet, readonly string[]>();

  constructor(snippets: readonly Snippet[]) {
    const under = join(projectDir, "build", "snippets");
    mkdirSync(under, { recursive: true });
    this.#dir = mkdtempSync(join(under, "run-"));
    this.#snippets = snippets;
    snippets.forEach((snippet, index) => this.#write(snippet, index));
    const config = {
      extends: join(projectDir, "tsconfig.json"),
      compilerOptions: {
        rootDir: this.#dir,
        outDir: join(this.#dir, "out"),
        declaration: false,
        isolatedDeclarations: false,
        // A reader's example may name a thing only to show how it is got.
        noUnusedLocals: false,
        noUnusedParameters: false,
      },
      include: ["*.ts"],
    };
    writeFileSync(join(this.#dir, "tsconfig.json"), JSON.stringify(config));
  }

  #write(snippet: Snippet, index: number): void {
    const named = snippet.prelude === null ? "" : preludes[snippet.prelude];
    if (named === undefined) {
      const text = `preludes.ts has no prelude for ${snippet.prelude}`;
      this.#withoutPrelude.set(snippet, [`${snippet.file}:${snippet.line}: ${text}`]);
      return;
    }
    const before = named.trim() === "" ? "" : `${named.trim()}\n`;
    this.#preludeLines[index] = before.split("\n").length - 1;
    writeFileSync(join(this.#dir, `${index}.ts`), `${before}${snippet.code}\nexport {};\n`);
  }

  /** The compiler's complaints by snippet, each with its place in the document. */
  async compile(): Promise<ReadonlyMap<Snippet, readonly string[]>> {
    const tsc = join(projectDir, "node_modules", "typescript", "bin", "tsc");
    const args = [tsc, "--pretty", "false", "-p", this.#dir];
    const outcome = await run(process.execPath, args, this.#dir, compileMillisecondsMax);
    const complaints = new Map<Snippet, readonly string[]>(this.#withoutPrelude);
    for (const line of outcome.stdout.split("\n")) {
      const [, name, row, text] = /(?:^|\/)(\d+)\.ts\((\d+),\d+\): error (.*)$/.exec(line) ?? [];
      const snippet = this.#snippets[Number(name)];
      if (snippet === undefined) continue;
      const place = snippet.line + Number(row) - 1 - (this.#preludeLines[Number(name)] as number);
      complaints.set(snippet, [...(complaints.get(snippet) ?? []), `${snippet.file}:${place}: ${text}`]);
    }
    if (outcome.code !== 0 && complaints.size === 0) {
      throw new Error(`tsc ended with ${outcome.code}: ${outcome.stdout}${outcome.stderr}`);
    }
    return complaints;
  }

  /** Runs a compiled snippet; returns what is wrong with it, or null. */
  async fault(snippet: Snippet): Promise<string | null> {
    const where = `${snippet.file}:${snippet.line}`;
    const stated = statedOutput(snippet.code);
    if (stated === null) return `${where}: a console.log has no comment behind it that says what it prints`;
    const cwd = mkdtempSync(join(tmpdir(), "wal-db-snippet-"));
    try {
      const script = join(this.#dir, "out", `${this.#snippets.indexOf(snippet)}.js`);
      // What a test runner in the example says of its tests is not what the example prints.
      const report = ["--test-reporter=tap", `--test-reporter-destination=${join(cwd, "report.tap")}`];
      const outcome = await run(process.execPath, [...report, script], cwd, runMillisecondsMax);
      if (outcome.code !== 0) return `${where}: ended with ${outcome.code}\n${outcome.stderr}`;
      const printed = outcome.stdout.trimEnd();
      const expected = stated.join("\n");
      return printed === expected
        ? null
        : `${where}: prints\n${printed}\nand says that it prints\n${expected}`;
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
