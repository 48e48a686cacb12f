/** A room imports only the rooms below it, and what a browser can load uses nothing of Node. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { projectDir } from "../support/project.js";
import { type Texts, textsUnder } from "../support/source-files.js";
import { importsOf } from "./imports.js";
import { cliBreaches, nativeBreaches, nodeBreaches, roomBreaches, testingBreaches } from "./rooms.js";

const sources = textsUnder("src", ".ts");

test("rooms import only what is below them", () => {
  assert.deepEqual(roomBreaches(sources), []);
});

test("only node-disk.ts imports node:fs, and what a browser loads imports nothing of Node", () => {
  assert.deepEqual(nodeBreaches(sources), []);
});

test("only native.ts loads native code", () => {
  assert.deepEqual(nativeBreaches(sources), []);
});

test("what is for testing is built on what users have, and on the disk under the file stores", () => {
  assert.deepEqual(testingBreaches(sources), []);
});

test("the command line is built on what users have", () => {
  assert.deepEqual(cliBreaches(sources), []);
});

test("the parser sees as many imports as there are", () => {
  for (const [file, text] of sources) {
    const lines = text
      .split("\n")
      .filter((line) => /^(?:import|export) .*from "|^\} from "|^import "|\bimport\("/.test(line));
    assert.equal(importsOf(new Map([[file, text]])).length, lines.length, file);
  }
});

/* ---- The detectors, shown to fire ---- */

function withFile(file: string, text: string): Texts {
  return new Map([...sources, [file, text]]);
}

test("an import upwards is found, of a type too", () => {
  const scan = withFile("src/record/scan.ts", `import type { Wal } from "../wal.ts";\n`);
  assert.deepEqual(roomBreaches(scan), ["src/record/scan.ts imports src/wal.ts, of a room above its own"]);

  const store = withFile("src/store/mem-store.ts", `export {\n  Mark,\n} from "../recovery/mark.ts";\n`);
  assert.deepEqual(roomBreaches(store), [
    "src/store/mem-store.ts imports src/recovery/mark.ts, of a room above its own",
  ]);
  const lazy = withFile("src/lsn.ts", `const later = () => import("./record/frame.ts");\n`);
  assert.deepEqual(roomBreaches(lazy), ["src/lsn.ts imports src/record/frame.ts, of a room above its own"]);
  assert.deepEqual(roomBreaches(withFile("src/utils.ts", "")), [
    "src/utils.ts is in no room that test/tidy/rooms.ts knows",
  ]);
});

test("an import of Node where there must be none is found", () => {
  assert.deepEqual(nodeBreaches(withFile("src/wal.ts", `import { join } from "node:path";\n`)), [
    "src/wal.ts imports node:path",
  ]);
  assert.deepEqual(nodeBreaches(withFile("src/store/file-lock.ts", `import * as fs from "node:fs";\n`)), [
    "src/store/file-lock.ts imports node:fs",
  ]);
  assert.deepEqual(
    nodeBreaches(withFile("src/read/cursor.ts", `import { pathOf } from "../store/file-store.ts";\n`)),
    ["src/read/cursor.ts imports src/store/file-store.ts, which may use Node"],
  );
  assert.deepEqual(nodeBreaches(withFile("src/record/crc32c.ts", `import "some-package";\n`)), [
    "src/record/crc32c.ts imports some-package",
  ]);
});

test("a private import of what is for testing is found", () => {
  const store = withFile("src/testing/fault-store.ts", `import { Mark } from "../recovery/mark.ts";\n`);
  assert.deepEqual(testingBreaches(store), [
    "src/testing/fault-store.ts imports src/recovery/mark.ts, which users cannot",
  ]);
  const node = withFile("src/testing/random.ts", `import { randomInt } from "node:crypto";\n`);
  assert.deepEqual(testingBreaches(node), ["src/testing/random.ts imports node:crypto, which users cannot"]);
});

test("a private import of the command line is found", () => {
  const lazy = withFile("src/cli/main.ts", `const later = () => import("../recovery/mark.ts");\n`);
  assert.deepEqual(cliBreaches(lazy), ["src/cli/main.ts imports src/recovery/mark.ts, which users cannot"]);
});

test("native code loaded elsewhere is found", () => {
  assert.deepEqual(nativeBreaches(withFile("src/wal.ts", `const k = require("koffi");\n`)), [
    "src/wal.ts loads native code",
  ]);
});

/* ---- The same in fact: the built files, in a context that has what a browser has ---- */

/** Links dist/ by hand in a bare context. A specifier that is no file of dist/ ends it. */
const browser = `
  import { readFileSync } from "node:fs";
  import vm from "node:vm";
  const names = ["TextEncoder", "TextDecoder", "queueMicrotask", "setTimeout", "AbortSignal", "AbortController"];
  const globals = Object.fromEntries(names.map((name) => [name, globalThis[name]]));
  const context = vm.createContext(globals, { codeGeneration: { strings: false, wasm: true } });
  const modules = new Map();
  function moduleAt(url) {
    if (!modules.has(url.href)) {
      const source = readFileSync(url, "utf8");
      modules.set(url.href, new vm.SourceTextModule(source, { context, identifier: url.href }));
    }
    return modules.get(url.href);
  }
  const main = new vm.SourceTextModule(process.argv[1], { context, identifier: "main" });
  await main.link((specifier, from) => {
    const dist = new URL(process.argv[2]);
    if (from.identifier === "main") return moduleAt(new URL(specifier, dist));
    if (!specifier.startsWith(".")) throw new Error("not in a browser: " + specifier);
    return moduleAt(new URL(specifier, from.identifier));
  });
  await main.evaluate();
  console.log(main.namespace.answer);
`;

function inBrowser(main: string): string {
  const dist = new URL(`file://${join(projectDir, "dist/")}`).href;
  const args = [
    "--experimental-vm-modules",
    "--no-warnings",
    "--input-type=module",
    "-e",
    browser,
    main,
    dist,
  ];
  return execFileSync(process.execPath, args, { encoding: "utf8", stdio: "pipe", timeout: 20_000 }).trim();
}

test("a log in memory works where there is nothing of Node", () => {
  const main = `
    import { Wal } from "./wal.js";
    import { MemStore } from "./store/mem-store.js";
    const store = new MemStore();
    const wal = await Wal.withStore(store);
    wal.append("one");
    await wal.appendAndSync("two");
    const texts = [];
    for (const record of wal) texts.push(record.text());
    for await (const record of wal) texts.push(record.text());
    await wal.close();
    const again = await Wal.withStore(new MemStore(store.toBytes()));
    export const answer = texts.join() + " " + again.recovery.records + " " + typeof process;
  `;
  assert.equal(inBrowser(main), "one,two,one,two 2 undefined");
});

test("codecs of pack-io work there, and need no code made from text", () => {
  const main = `
    import { option, PackIoError, set, string, struct, u64 } from "./pack-io/index.js";
    const codec = struct({ id: u64, text: string, seen: option(set(string)) });
    const value = { id: 7n, text: "é".repeat(100), seen: new Set(["b", "a"]) };
    const back = codec.decode(codec.encode(value));
    let kind = "";
    try {
      string.decode(new Uint8Array([1, 255]));
    } catch (error) {
      kind = error instanceof PackIoError ? error.kind : String(error);
    }
    export const answer = back.id + " " + (back.text === value.text) + " " + [...back.seen] + " " + kind;
  `;
  assert.equal(inBrowser(main), "7 true a,b InvalidUtf8");
});

test("typed records and the codecs that need nothing of Node work there, and those that do say so", () => {
  const main = `
    import { Wal } from "./wal.js";
    import { MemStore } from "./store/mem-store.js";
    import { batch, compressed, encrypted, json } from "./codecs.js";
    const wal = await Wal.withStore(new MemStore());
    const typed = wal.typed(batch(json()));
    typed.append([1, { two: 2 }]);
    const refused = [];
    for (const make of [() => compressed(json()), () => encrypted(json(), new Uint8Array(32))]) {
      try {
        make();
      } catch (error) {
        refused.push(error.code);
      }
    }
    export const answer = JSON.stringify(typed.read(0).value) + " " + refused;
  `;
  assert.equal(inBrowser(main), '[1,{"two":2}] WAL_UNSUPPORTED,WAL_UNSUPPORTED');
});

test("and what does need Node is refused there", () => {
  assert.throws(() => inBrowser(`import "./index.js"; export const answer = 0;`), /not in a browser: node:/);
  assert.throws(() => inBrowser(`export const answer = new Function("return 1")();`), /Code generation/);
});
