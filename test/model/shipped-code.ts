/**
 * The shipped code of the protocol, loaded into a realm of its own.
 *
 * What runs is the text of dist/, as users get it. It is loaded in a vm context whose microtasks run
 * when they are told to, and at once: so an async function of the protocol can be driven to its next
 * standstill by a synchronous call, and the whole of a search needs no turn of the event loop. A vm
 * context takes modules only behind a flag of Node, so their import and export lines, which tsc writes
 * in three plain forms, are turned into a function's parameters and result; no other line is touched.
 * A line of any other form is an error, not a guess.
 *
 * A seeded bug is a replacement in that text. One whose pattern is not there exactly once is an error.
 */
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import vm from "node:vm";
import { type Patch, patched } from "../support/patch.js";
import { projectDir } from "../support/project.js";

type Module = Record<string, unknown>;

const importForm = /^import \{([^}]*)\} from "([^"]+)";$/gm;
const exportForm = /^export (?=(?:async )?(?:class|function|const|let) (\w+))/gm;

export class ShippedCode {
  readonly #context: vm.Context;
  readonly #modules = new Map<string, Module>();
  readonly #patches: readonly Patch[];
  readonly #patched = new Set<Patch>();
  readonly #turn: vm.Script;

  constructor(patches: readonly Patch[] = []) {
    this.#patches = patches;
    this.#context = vm.createContext({}, { microtaskMode: "afterEvaluate" });
    vm.runInContext(
      `globalThis.queueMicrotask = (task) => { Promise.resolve().then(task); };
       globalThis.setTimeout = () => 0;
       globalThis.clearTimeout = () => {};`,
      this.#context,
    );
    this.#turn = new vm.Script("turn()");
  }

  /** Loads a compiled file, named from the package's folder, and what it imports. */
  load(file: string): Module {
    const loaded = this.#modules.get(file);
    if (loaded !== undefined) return loaded;
    const exports: Module = {};
    this.#modules.set(file, exports);
    const imported: Module[] = [];
    const names: string[] = [];
    let text = this.#textOf(file).replace(importForm, (_, list: string, from: string) => {
      names.push(`{${list.replace(/ as /g, ": ")}}`);
      imported.push(this.load(this.#resolve(from, file)));
      return "";
    });
    const exported: string[] = [];
    text = text.replace(exportForm, (_, name: string) => {
      exported.push(name);
      return "";
    });
    const left = /^(?:import|export)\b(?! \{\};).*$/m.exec(text);
    if (left !== null) throw new Error(`${file}: no rule for the line ${left[0]}`);
    // The numbers of the cells, which the protocol keeps to itself, so that a trace can name them.
    const cells = [...text.matchAll(/^const (\w+Cell)\b/gm)].map((match) => match[1] as string);
    const body = text.replace(/^export \{\};$/m, "");
    const make = vm.runInContext(
      `(function (imported) {"use strict";\nconst [${names.join(", ")}] = imported;\n${body}
       return { ${[...exported, `__cells: { ${cells.join(", ")} }`].join(", ")} };\n})`,
      this.#context,
      { filename: file },
    ) as (imported: Module[]) => Module;
    return Object.assign(exports, make(imported));
  }

  /** Calls `task` and then runs every microtask that follows from it, and from those. */
  run(task: () => void): void {
    this.#context["turn"] = task;
    this.#turn.runInContext(this.#context);
  }

  /** Throws when a patch has found no file to change: its file is not of those that were loaded. */
  checkPatched(): void {
    for (const patch of this.#patches) {
      if (!this.#patched.has(patch)) throw new Error(`${patch.file} was not loaded: nothing was patched`);
    }
  }

  #textOf(file: string): string {
    let text = readFileSync(join(projectDir, file), "utf8");
    for (const patch of this.#patches) {
      if (file !== `dist/${patch.file}`) continue;
      text = patched(text, patch);
      this.#patched.add(patch);
    }
    return text;
  }

  #resolve(from: string, importer: string): string {
    if (from.startsWith("#internal/")) return `dist/${from.slice("#internal/".length)}`;
    return posix.join(posix.dirname(importer), from);
  }
}
