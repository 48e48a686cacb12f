/**
 * Arbitrary bytes, and bytes of good values changed here and there, into codecs of random types: each is decoded
 * or refused by a PackIoError, soon, and without allocating more than a little. What is decoded encodes, to
 * bytes that decode to the same. WAL_DB_FUZZ_SEED repeats a run; WAL_DB_LONG=1 makes it fifty times as long.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { type PackCodec, PackIoError, type PackIoErrorKind } from "wal-db/pack-io";
import { codecOf, type Plan, plans, valuesOf } from "../pack-io/plan.js";
import { Meter, withMeter } from "./meter.js";

const seed = Number(process.env["WAL_DB_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const runs = process.env["WAL_DB_LONG"] === "1" ? 200_000 : 4000;

/** For inputs of at most a kilobyte: their copies, and the buffer that a thread encodes into. */
const limits = { onceBytes: 64 * 1024, sumBytes: 2 * 1024 * 1024, reads: 0 };

const hugeLengths = [
  "ffffffffffffffffff01",
  "ffffffff07",
  "808080808001",
  "ffffff7f",
  "80808080808080808001",
];

interface Change {
  readonly at: number;
  readonly with: Uint8Array;
  /** Bytes that go. */
  readonly without: number;
}

const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.record({
    at: fc.nat(400),
    with: fc.oneof(
      fc.uint8Array({ maxLength: 3 }),
      fc.constantFrom(...hugeLengths).map((text) => new Uint8Array(Buffer.from(text, "hex"))),
    ),
    without: fc.nat(3),
  }),
  { minLength: 1, maxLength: 3 },
);

function changed(bytes: Uint8Array, all: readonly Change[]): Uint8Array {
  let now = [...bytes];
  for (const change of all) {
    now = now.toSpliced(change.at % (now.length + 1), change.without, ...change.with);
  }
  return new Uint8Array(now);
}

const inputs: fc.Arbitrary<readonly [Plan, Uint8Array]> = plans.chain((plan) =>
  fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((bytes) => [plan, bytes] as const),
    fc
      .tuple(valuesOf(plan), changes)
      .map(([value, all]) => [plan, changed(codecOf(plan).encode(value), all)] as const),
  ),
);

type Answer = PackIoErrorKind | "decoded";

/** @throws {AssertionError} saying what did not hold. */
async function answerOf(codec: PackCodec<unknown>, bytes: Uint8Array): Promise<Answer> {
  const before = Uint8Array.from(bytes);
  const meter = new Meter(limits);
  const answer = await withMeter(meter, () => decodeAndBack(codec, bytes));
  assert.equal(meter.excess, null);
  assert.deepEqual(bytes, before, "the input was changed");
  return answer;
}

function decodeAndBack(codec: PackCodec<unknown>, bytes: Uint8Array): Answer {
  let value: unknown;
  try {
    value = codec.decode(bytes);
  } catch (error) {
    if (!(error instanceof PackIoError)) throw error;
    assert.ok(error.offset >= 0 && error.offset <= bytes.length, `offset ${error.offset}`);
    return error.kind;
  }
  const once = codec.encode(value);
  assert.deepEqual(codec.encode(codec.decode(once)), once, "not the same the second time");
  return "decoded";
}

test(`${runs} inputs into random types`, async (t) => {
  t.diagnostic(`WAL_DB_FUZZ_SEED=${seed}`);
  const answers = new Map<Answer, number>();
  await fc.assert(
    fc.asyncProperty(inputs, async ([plan, bytes]) => {
      const answer = await answerOf(codecOf(plan), bytes);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }),
    { seed, numRuns: runs },
  );
  t.diagnostic(JSON.stringify(Object.fromEntries(answers)));
});

test("from a known seed, every category is reached, and values too: it is no idle fuzzing", async () => {
  const answers = new Set<Answer>();
  for (const [plan, bytes] of fc.sample(inputs, { seed: 1, numRuns: 4000 })) {
    answers.add(await answerOf(codecOf(plan), bytes));
  }
  const all: readonly Answer[] = [
    "decoded",
    "IntegerOutOfRange",
    "InvalidBool",
    "InvalidLength",
    "InvalidTag",
    "InvalidUtf8",
    "TrailingBytes",
    "UnexpectedEof",
    "UnknownVariant",
    "VarintOverflow",
  ];
  assert.deepEqual([...answers].toSorted(), all.toSorted());
});

/* ---- The detectors, shown to fire; bugs in the library itself: test/mutations/in-pack-io.ts ---- */

function brokenBy(decode: (bytes: Uint8Array) => unknown): PackCodec<unknown> {
  return {
    encode: () => new Uint8Array(1),
    encodeInto: () => 1,
    encodedLength: () => 1,
    decode,
  };
}

test("a codec that throws something else, allocates what it reads, or changes its input is found out", async () => {
  const input = new Uint8Array(8);
  await assert.rejects(
    answerOf(
      brokenBy((bytes) => (bytes as unknown as { none: { deep: number } }).none.deep),
      input,
    ),
    TypeError,
  );
  await assert.rejects(
    answerOf(
      brokenBy(() => new Uint8Array(2 ** 20)),
      input,
    ),
    /over the limit/,
  );
  await assert.rejects(
    answerOf(
      brokenBy((bytes) => bytes.length === 8 && bytes.fill(1)),
      input,
    ),
    /the input was changed/,
  );
  const outside = brokenBy(() => {
    throw new PackIoError("InvalidBool", "", { offset: 9 });
  });
  await assert.rejects(answerOf(outside, input), /offset 9/);
});
