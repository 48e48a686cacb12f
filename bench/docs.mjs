/**
 * docs/benchmarks.md from a run.
 *
 *   npm run bench:docs [-- JSON]     default: bench/out/benchmarks.json
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { markdown } from "./report/markdown.mjs";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const result = JSON.parse(readFileSync(process.argv[2] ?? at("./out/benchmarks.json"), "utf8"));
writeFileSync(at("../docs/benchmarks.md"), markdown(result));
