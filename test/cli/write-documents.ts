/** `npm run docs:cli`: writes docs/cli.md and the manual page anew. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectDir } from "../support/project.js";
import { documents } from "./manual.js";

for (const [file, text] of await documents()) {
  const path = join(projectDir, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(file);
}
