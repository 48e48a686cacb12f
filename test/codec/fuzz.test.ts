/**
 * Arbitrary bytes into every codec of wal-db/codecs: a value or WAL_ENCODING, no more memory than is
 * allowed, and of `encrypted` never a value that was not encrypted. WAL_DB_FUZZ_SEED repeats a run.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import zlib from "node:zlib";
import * as fc from "fast-check";
import type { Codec } from "wal-db";
import type * as codecs from "wal-db/codecs";
import { Meter, withMeter } from "../fuzz/meter.ts";
import { distDir, folderOfCopy } from "../support/broken-copy.ts";
import type { Patch } from "../support/patch.ts";

const seed = Number(process.env["WAL_DB_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const runs = process.env["WAL_DB_LONG"] === "1" ? 200_000 : 3000;

type Codecs = typeof codecs;
const capBytes = 50_000;
const key = new Uint8Array(32).fill(7);
const raw: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };

async function codecsIn(dist: string): Promise<Codecs> {
  return (await import(pathToFileURL(join(dist, "codecs.js")).href)) as Codecs;
}

/** What is decoded, and whether a value that comes back must have these very bytes. */
interface Subject {
  readonly codec: Codec<unknown>;
  readonly isCanonical: boolean;
  /** The largest value that may come of so many bytes. */
  readonly most: (bytes: number) => number;
}

function subjectsOf({
  batch,
  compressed,
  encrypted,
  json,
  validated,
}: Codecs): Readonly<Record<string, Subject>> {
  const anything = {
    "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
  } as const;
  const bounded = { maxInflatedSize: capBytes };
  const all: Readonly<Record<string, unknown>> = {
    batch: batch(raw),
    "batch of batches": batch(batch(raw)),
    compressed: compressed(raw, bounded),
    "compressed batch": compressed(batch(raw), bounded),
    "batch of compressed": batch(compressed(raw, bounded)),
    encrypted: encrypted(raw, key),
    "encrypted, compressed batch": encrypted(compressed(batch(raw), bounded), key),
    "validated batch of json": validated(anything, batch(json())),
  };
  return Object.fromEntries(
    Object.entries(all).map(([name, codec]) => [
      name,
      {
        codec: codec as Codec<unknown>,
        isCanonical: name.startsWith("batch") && !name.includes("compressed"),
        most: (bytes: number) =>
          Math.max(bytes, name === "batch of compressed" ? bytes * capBytes : capBytes),
      },
    ]),
  );
}

const lengthOf = (value: unknown): number =>
  value instanceof Uint8Array
    ? value.length
    : Array.isArray(value)
      ? value.reduce((sum: number, each) => sum + lengthOf(each), 0)
      : 0;

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** Pieces that these codecs look at, and noise. */
const piece: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(0, 1, 2, 3, 4, 255, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff).map(u32),
  fc.integer({ min: 0, max: 4 }).map((tag) => Uint8Array.of(tag)),
  fc
    .integer({ min: 0, max: 200_000 })
    .map((n) => Uint8Array.from([1, ...u32(n), ...zlib.deflateRawSync(new Uint8Array(n))])),
  fc.integer({ min: 0, max: 200_000 }).map((n) => Uint8Array.from(zlib.deflateRawSync(new Uint8Array(n)))),
  fc
    .integer({ min: 0, max: 200_000 })
    .map((n) =>
      Uint8Array.from(
        zlib.brotliCompressSync(new Uint8Array(n), { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
      ),
    ),
);

const noise = fc.array(piece, { maxLength: 6 }).map((pieces) => Uint8Array.from(Buffer.concat(pieces)));

/** What a codec wrote, with a few bytes of it changed. */
interface Change {
  readonly at: number;
  readonly by: number;
}
const changes = fc.array(fc.record({ at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) }), {
  minLength: 1,
  maxLength: 3,
});

function changed(bytes: Uint8Array, list: readonly Change[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (const { at, by } of list) copy[at % copy.length] = (copy[at % copy.length] as number) ^ by;
  return copy;
}

async function check(
  { codec, isCanonical, most }: Subject,
  bytes: Uint8Array,
  mustFail: boolean,
): Promise<void> {
  const meter = new Meter({
    onceBytes: capBytes + bytes.length,
    sumBytes: 8 * (capBytes + bytes.length),
    reads: 0,
  });
  let value: unknown;
  try {
    value = await withMeter(meter, () => codec.decode(Uint8Array.from(bytes)));
  } catch (error) {
    const { name, code, stack } = error as { name?: string; code?: string; stack?: string };
    assert.equal(`${name} ${code}`, "WalError WAL_ENCODING", stack);
    return;
  } finally {
    assert.equal(meter.excess, null);
  }
  assert.ok(!mustFail, "a value that nobody has encrypted");
  assert.ok(lengthOf(value) <= most(bytes.length), `${lengthOf(value)} bytes of ${bytes.length}`);
  if (isCanonical) assert.deepEqual(Uint8Array.from(codec.encode(value)), bytes, "read as something else");
}

const values = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 });

/** The value that a codec takes, of the same pieces. */
function valueFor(name: string, pieces: readonly Uint8Array[]): unknown {
  if (name === "validated batch of json") return pieces.map(String);
  if (name === "batch of batches") return [pieces, pieces];
  return name.includes("batch") ? pieces : Uint8Array.from(Buffer.concat(pieces));
}

function firstFault(
  library: Codecs,
  name: string,
  from: number,
  count: number,
): Promise<fc.RunDetails<unknown>> {
  const subject = subjectsOf(library)[name] as Subject;
  const isSecret = name.startsWith("encrypted");
  const property = fc.asyncProperty(noise, values, changes, async (bytes, pieces, list) => {
    await check(subject, bytes, isSecret);
    const written = subject.codec.encode(valueFor(name, pieces));
    const broken = changed(written, list);
    const isChanged = Buffer.compare(written, broken) !== 0;
    await check(subject, broken, isSecret && isChanged);
    await check(
      subject,
      Uint8Array.from(written).subarray(0, list[0]?.at ?? 0),
      isSecret && (list[0]?.at ?? 0) < written.length,
    );
  });
  return fc.check(property, { seed: from, numRuns: count }) as Promise<fc.RunDetails<unknown>>;
}

const names = [
  "batch",
  "batch of batches",
  "compressed",
  "compressed batch",
  "batch of compressed",
  "encrypted",
  "encrypted, compressed batch",
  "validated batch of json",
];

for (const name of names) {
  test(`${runs} inputs into: ${name}`, async (t) => {
    t.diagnostic(`WAL_DB_FUZZ_SEED=${seed}`);
    const found = await firstFault(await codecsIn(distDir), name, seed, runs);
    const shown = JSON.stringify(found.counterexample);
    assert.ok(!found.failed, `WAL_DB_FUZZ_SEED=${seed}\n${shown}\n${String(found.errorInstance)}`);
  });
}

/* ---- The detectors, shown to fire ---- */

interface Breakage extends Patch {
  readonly name: string;
  readonly subject: string;
}

const breakages: readonly Breakage[] = [
  {
    name: "bytes behind a batch are passed over",
    subject: "batch",
    file: "codec/batch.js",
    find: /if \(at !== bytes\.length\)/,
    put: "if (false)",
  },
  {
    name: "memory is taken for the count of a batch",
    subject: "batch",
    file: "codec/batch.js",
    find: /if \(count < 0 \|\|/,
    put: "if (count > 0) new Uint8Array(count);\n    if (count < 0 ||",
  },
  {
    name: "what is inflated has no bound",
    subject: "compressed",
    file: "codec/compressed.js",
    find: /if \(length > maxBytes\)\s+throw tooLarge\(maxBytes, length\);/,
    put: "",
  },
  {
    name: "an error of zlib passes through",
    subject: "compressed",
    file: "codec/compressed.js",
    find: /throw codecFault\("malformed", `these bytes cannot be inflated/,
    put: 'throw cause;\n throw codecFault("malformed", `these bytes cannot be inflated',
  },
  {
    name: "the tag is not compared",
    subject: "encrypted",
    file: "codec/encrypted.js",
    find: /decipher\.final\(\);/,
    put: "",
  },
];

for (const breakage of breakages) {
  test(`found out: ${breakage.name}`, async (t) => {
    const library = await codecsIn(folderOfCopy(t, breakage));
    let found = await firstFault(library, breakage.subject, 1, 1000);
    for (let from = 2; !found.failed && from < 20; from++)
      found = await firstFault(library, breakage.subject, from, 1000);
    assert.ok(found.failed, "not found out by 20 seeds");
  });
}
