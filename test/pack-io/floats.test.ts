/**
 * What becomes of a NaN's bits. The numbers of the tests are those of V8, which keeps them; docs/pack-io.md says what
 * other engines do, test/runtimes holds them against it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { f32, f32Bits, f64, f64Bits, struct, tuple, vec } from "wal-db/pack-io";
import { hex } from "./refusal.js";

const quietBit64 = 1n << 51n;
const nans64 = [
  "7ff8000000000000",
  "7ff8000000000001",
  "fff8123456789abc",
  "7ff0000000000001",
  "fff7ffffffffffff",
];
const nans32 = ["7fc00000", "7fc00001", "ffd2345f", "7f800001", "ffbfffff", "7fa00000"];

function littleEndian(text: string): Uint8Array {
  return hex(text).toReversed();
}

test("f64: every bit of a NaN survives, a signalling one's too", () => {
  for (const nan of nans64) {
    const bits = littleEndian(nan);
    const value = f64.decode(bits);
    assert.ok(Number.isNaN(value));
    assert.deepEqual(f64.encode(value), bits, nan);
  }
});

test("f32: every bit of a NaN survives, though it is an f64 in between", () => {
  for (const nan of nans32) {
    const bits = littleEndian(nan);
    const value = f32.decode(bits);
    assert.ok(Number.isNaN(value));
    assert.deepEqual(f32.encode(value), bits, nan);
  }
});

test("in a list of numbers a NaN may become quiet, and nothing else of it changes", () => {
  const list = vec(f64);
  for (const nan of nans64) {
    const again = list.encode(list.decode(new Uint8Array([1, ...littleEndian(nan)])));
    const bits = BigInt(`0x${Buffer.from(again.subarray(1).toReversed()).toString("hex")}`);
    assert.equal(bits | quietBit64, BigInt(`0x${nan}`) | quietBit64, nan);
  }
});

test("an f64 NaN whose payload an f32 has no room for is still a NaN", () => {
  assert.deepEqual(f32.encode(f64.decode(littleEndian("7ff0000000000001"))), littleEndian("7fc00000"));
  assert.deepEqual(f32.encode(f64.decode(littleEndian("fff0000000000001"))), littleEndian("ffc00000"));
});

test("f64Bits and f32Bits have the same encoding, and keep every bit in every engine, wherever they are stored", () => {
  const both = struct({ all: vec(f64Bits), pair: tuple(f32Bits, f32Bits) });
  const encoded = new Uint8Array([
    nans64.length,
    ...nans64.flatMap((nan) => [...littleEndian(nan)]),
    ...littleEndian("7f800001"),
    ...littleEndian("ffffffff"),
  ]);
  const value = both.decode(encoded);
  assert.deepEqual(
    value.all.map((bits) => bits.toString(16)),
    nans64,
  );
  assert.deepEqual(value.pair, [0x7f80_0001, 0xffff_ffff]);
  assert.deepEqual(both.encode(value), encoded);
  assert.deepEqual(f64Bits.encode(0x3ff0_0000_0000_0000n), f64.encode(1));
  assert.deepEqual(f32Bits.encode(0x3f80_0000), f32.encode(1));
});

test("an f32 is the nearest to what is given", () => {
  assert.equal(f32.decode(f32.encode(0.1)), Math.fround(0.1));
  assert.equal(f32.decode(f32.encode(1e300)), Infinity);
});
