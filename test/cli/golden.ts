/**
 * What commands print, held by files: test/cli/golden/<name>.txt. WAL_DB_GOLDEN=update writes them anew;
 * look at the difference before you commit it.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectDir } from "../support/project.js";
import type { CommandRun } from "./command-process.js";

const isUpdating = process.env["WAL_DB_GOLDEN"] === "update";

export function holdGolden(name: string, text: string): void {
  const path = join(projectDir, "test/cli/golden", `${name}.txt`);
  if (isUpdating) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return;
  }
  assert.ok(existsSync(path), `${path} is missing: WAL_DB_GOLDEN=update makes it`);
  assert.equal(text, readFileSync(path, "utf8"), `not as in ${path}; WAL_DB_GOLDEN=update takes it over`);
}

/** One run, as it stands in a golden file: what changes from run to run is masked. */
export function transcript(words: readonly string[], run: CommandRun, dir: string): string {
  const told = run.stderr.split("\n").filter((line) => line !== "");
  const lines = [
    `$ wal-db ${words.map(shown).join(" ")}`,
    run.stdout.trimEnd(),
    ...told.map((line) => `! ${line}`),
    `-> ${run.exit}`,
  ];
  return `${masked(lines.filter((line) => line !== "").join("\n"), dir)}\n\n`;
}

function shown(word: string): string {
  return /^[\w./=:-]+$/.test(word) ? word : `'${word}'`;
}

export function masked(text: string, dir: string): string {
  return text
    .replaceAll(dir, "DIR")
    .replace(/\b\d+(?:\.\d+)? [KMGT]?i?B\/s/g, "RATE")
    .replace(/\b\d+(?:\.\d+)? (?:ms|s|min)\b(?: \d+ s)?/g, "TIME")
    .replace(/"(seconds|replaySeconds)":[\d.e-]+/g, '"$1":TIME')
    .replace(/"pid":\d+,"command":"[^"]*"/g, '"pid":PID,"command":COMMAND')
    .replace(/process \d+ \([^)]*\)/g, "process PID (COMMAND)")
    .replace(/not JSON \(.*\)/g, "not JSON (WHY)");
}
