/**
 * How the types of a schema are shown. What `struct` and its kind returned once had a name, `StructOf<...>`: right, and in an
 * editor nobody could see the fields of a value for all the codecs in it.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { projectDir } from "../support/project.js";

const source = `
import { Wal } from "wal-db";
import { deprecated, enumeration, option, since, string, struct, u64, unit, vec, versioned } from "wal-db/pack-io";
declare const wal: Wal;
const item = struct({ name: string, price: option(u64) });
const bill = versioned(2, { id: u64, old: deprecated(2, string, ""), items: since(2, vec(item), []) });
export const event = enumeration({ Quit: unit, Bill: bill });
export const events = wal.typed(event);
`;

/** What the compiler writes of the exports: in their types, what an editor shows. */
function declarationsOf(text: string): Promise<string> {
  const under = join(projectDir, "build", "shown");
  mkdirSync(under, { recursive: true });
  const dir = mkdtempSync(join(under, "run-"));
  writeFileSync(join(dir, "schema.ts"), text);
  const compilerOptions = {
    rootDir: dir,
    outDir: join(dir, "out"),
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    isolatedDeclarations: false,
    skipLibCheck: true,
  };
  const config = { extends: join(projectDir, "tsconfig.json"), compilerOptions, include: ["*.ts"] };
  writeFileSync(join(dir, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(projectDir, "node_modules", "typescript", "bin", "tsc");
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [tsc, "--pretty", "false", "-p", dir],
      { timeout: 60_000 },
      (error, stdout) => {
        try {
          if (error !== null) throw new Error(`tsc: ${stdout}`, { cause: error });
          resolve(readFileSync(join(dir, "out", "schema.d.ts"), "utf8"));
        } catch (failure) {
          reject(failure);
        } finally {
          rmSync(dir, { recursive: true, force: true });
        }
      },
    );
  });
}

test("the type of a schema is shown as that of its values, and so is that of its log", async () => {
  const shown = (await declarationsOf(source)).replaceAll(/\s+/g, " ");
  const [event, events] = [/const event: (.*?>);/, /const events: (.*?>);/].map(
    (each) => each.exec(shown)?.[1],
  );
  const bill =
    '{ tag: "Bill"; value: { id: bigint; old: string; items: { name: string; price: bigint | null; }[]; }; }';
  for (const [of, type = ""] of Object.entries({ event, events })) {
    assert.ok(type.includes(bill) && type.includes('{ tag: "Quit"; value?: undefined; }'), `${of}: ${shown}`);
    assert.doesNotMatch(type.slice("PackCodec".length), /Of<|VersionedField|PackCodec<.*PackCodec</, of);
  }
});
