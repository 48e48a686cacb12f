// Compiles kernel/frames.ts and writes it, as text, to src/record/kernel-code.ts.
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

mkdirSync(here("../build"), { recursive: true });
const made = statSync(here("../src/record/kernel-code.ts"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const sources = ["frames.ts", "build.mjs"].map((name) => statSync(here(name)).mtimeMs);
if (made > Math.max(...sources)) process.exit(0);

const wasm = here("../build/frames.wasm");
const { error } = await main([
  here("frames.ts"),
  "-o",
  wasm,
  "-O3",
  "--noAssert",
  "--runtime",
  "stub",
  "--importMemory",
  "--enable",
  "simd",
]);
if (error !== null) {
  throw error;
}
const text = readFileSync(wasm).toString("base64");
writeFileSync(
  here("../src/record/kernel-code.ts"),
  `/** Made by kernel/build.mjs from kernel/frames.ts. */\nexport const kernelCode: string =\n  "${text}";\n`,
);
