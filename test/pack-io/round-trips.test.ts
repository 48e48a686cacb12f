/**
 * Random types, random values: the bytes are those of the plain encoder, and give the value back.
 * WAL_DB_PACK_SEED repeats a run; WAL_DB_LONG=1 makes it fifty times as long.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { codecOf, plainBytes, type Plan, plans, valuesOf } from "./plan.js";

const seed = Number(process.env["WAL_DB_PACK_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const runs = process.env["WAL_DB_LONG"] === "1" ? 100_000 : 2000;

const cases: fc.Arbitrary<readonly [Plan, unknown]> = plans.chain((plan) =>
  valuesOf(plan).map((value) => [plan, value] as const),
);

function check(property: (plan: Plan, value: unknown) => void): void {
  fc.assert(
    fc.property(cases, ([plan, value]) => property(plan, value)),
    { seed, numRuns: runs },
  );
}

test("the bytes are those of the plain encoder, and decode to the value", (t) => {
  t.diagnostic(`WAL_DB_PACK_SEED=${seed}`);
  check((plan, value) => {
    const codec = codecOf(plan);
    const encoded = codec.encode(value);
    assert.equal(Buffer.from(encoded).toString("hex"), Buffer.from(plainBytes(plan, value)).toString("hex"));
    assert.deepEqual(codec.decode(encoded), value);
  });
});

test("encodeInto writes the same bytes where they fit, and says so where they do not", (t) => {
  t.diagnostic(`WAL_DB_PACK_SEED=${seed}`);
  check((plan, value) => {
    const codec = codecOf(plan);
    const encoded = codec.encode(value);
    assert.equal(codec.encodedLength(value), encoded.length);
    for (const room of [encoded.length, encoded.length + 1, 4 * encoded.length + 9]) {
      const target = new Uint8Array(room).fill(0xaa);
      assert.equal(codec.encodeInto(value, target), encoded.length, `${room} bytes of room`);
      assert.deepEqual(target.subarray(0, encoded.length), encoded);
    }
    if (encoded.length > 0) assert.equal(codec.encodeInto(value, new Uint8Array(encoded.length - 1)), -1);
  });
});

test("a value comes back from the middle of a larger buffer, and shares nothing with it", (t) => {
  t.diagnostic(`WAL_DB_PACK_SEED=${seed}`);
  check((plan, value) => {
    const codec = codecOf(plan);
    const encoded = codec.encode(value);
    const around = Buffer.alloc(encoded.length + 20, 0xff);
    around.set(encoded, 10);
    const decoded = codec.decode(around.subarray(10, 10 + encoded.length));
    around.fill(0);
    assert.deepEqual(decoded, value);
  });
});
