// Puts together what the page of `wal-db report` needs, and writes it as text to src/cli/report/page-code.ts:
// its script (page/*.ts, compiled, and made one), its style, and uPlot.
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const read = (path) => readFileSync(here(path), "utf8");
const changed = (path) => statSync(here(path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

const target = "../src/cli/report/page-code.ts";
const uplot = "../node_modules/uplot/";
const sources = [...readdirSync(here(".")), `${uplot}package.json`, "../src/cli/report/page-data.ts"];
if (changed(target) > Math.max(...sources.map(changed))) process.exit(0);

execFileSync(process.execPath, [here("../node_modules/typescript/bin/tsc"), "-p", here("tsconfig.json")], {
  stdio: "inherit",
});

/** The modules in the order in which they need each other, as the parts of one script. */
function parts(name, done = new Map()) {
  if (done.has(name)) return done;
  const text = read(`../build/page-script/page/${name}`);
  const imports = /^import [^;]* from "\.\/([^"]+)";\n/gm;
  done.set(name, "");
  for (const [, other] of text.matchAll(imports)) parts(other, done);
  done.delete(name);
  return done.set(name, text.replace(imports, "").replace(/^export (?=function|class|const)/gm, ""));
}

// In a block, so that a name that two modules have is an error.
const script = `"use strict";\n{\n${[...parts("main.js").values()].join("\n")}}\n`;
const code = {
  pageScript: script,
  pageStyle: read("report.css"),
  uplotScript: read(`${uplot}dist/uPlot.iife.min.js`),
  uplotStyle: read(`${uplot}dist/uPlot.min.css`),
  uplotLicence: read(`${uplot}LICENSE`),
};
for (const [name, text] of Object.entries(code)) {
  if (/<\/(?:script|style)|<!--|\*\/\s*$/i.test(text)) throw new Error(`${name} cannot stand in a page`);
}
if (/^(?:import|export) /m.test(script)) throw new Error("the page's script is not in one piece");
for (const text of [script, code.uplotScript]) vm.compileFunction(text);

const constants = Object.entries(code).map(
  ([name, text]) => `export const ${name}: string =\n  ${JSON.stringify(text)};\n`,
);
writeFileSync(here(target), `/** Made by page/build.mjs from page/ and uPlot. */\n${constants.join("")}`);
