/** Every row of the format, written out by hand from its document: what each value is in bytes, both ways. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Codec } from "wal-db";
import { compareBytes } from "#internal/pack-io/order.js";
import {
  array,
  bool,
  bytes,
  deprecated,
  enumeration,
  f32,
  f64,
  i128,
  i16,
  i32,
  i64,
  i8,
  isize,
  map,
  option,
  result,
  set,
  since,
  string,
  struct,
  tuple,
  u128,
  u16,
  u32,
  u64,
  u8,
  unit,
  usize,
  vec,
  versioned,
} from "wal-db/pack-io";

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

function row<T>(
  name: string,
  codec: Codec<T>,
  vectors: readonly (readonly [value: T, bytes: string])[],
): void {
  test(name, () => {
    for (const [value, text] of vectors) {
      assert.deepEqual(codec.encode(value), hex(text), `encode ${text}`);
      assert.deepEqual(codec.decode(hex(text)), value, `decode ${text}`);
    }
  });
}

row("u8", u8, [
  [0, "00"],
  [127, "7f"],
  [128, "80"],
  [255, "ff"],
]);
row("i8", i8, [
  [0, "00"],
  [127, "7f"],
  [-1, "ff"],
  [-128, "80"],
]);
row("u16", u16, [
  [0, "00"],
  [127, "7f"],
  [128, "80 01"],
  [300, "ac 02"],
  [16_383, "ff 7f"],
  [16_384, "80 80 01"],
  [65_535, "ff ff 03"],
]);
row("u32", u32, [
  [0, "00"],
  [300, "ac 02"],
  [2_097_151, "ff ff 7f"],
  [2_097_152, "80 80 80 01"],
  [268_435_455, "ff ff ff 7f"],
  [268_435_456, "80 80 80 80 01"],
  [0xffff_ffff, "ff ff ff ff 0f"],
]);
const sixtyFour: readonly (readonly [bigint, string])[] = [
  [0n, "00"],
  [127n, "7f"],
  [128n, "80 01"],
  [0xffff_ffffn, "ff ff ff ff 0f"],
  [0x1_0000_0000n, "80 80 80 80 10"],
  [2n ** 35n, "80 80 80 80 80 01"],
  [2n ** 53n - 1n, "ff ff ff ff ff ff ff 0f"],
  [2n ** 56n, "80 80 80 80 80 80 80 80 01"],
  [2n ** 63n - 1n, "ff ff ff ff ff ff ff ff 7f"],
  [2n ** 63n, "80 80 80 80 80 80 80 80 80 01"],
  [2n ** 64n - 1n, "ff ff ff ff ff ff ff ff ff 01"],
];
row("u64", u64, sixtyFour);
row("usize, as a u64", usize, sixtyFour);
row("u128", u128, [
  ...sixtyFour,
  [2n ** 64n, "80 80 80 80 80 80 80 80 80 02"],
  [2n ** 70n, "80 80 80 80 80 80 80 80 80 80 01"],
  [2n ** 126n, "80 80 80 80 80 80 80 80 80 80 80 80 80 80 80 80 80 80 01"],
  [2n ** 128n - 1n, "ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff 03"],
]);
row("i16", i16, [
  [0, "00"],
  [-1, "01"],
  [1, "02"],
  [-2, "03"],
  [63, "7e"],
  [-64, "7f"],
  [64, "80 01"],
  [32_767, "fe ff 03"],
  [-32_768, "ff ff 03"],
]);
row("i32", i32, [
  [0, "00"],
  [-1, "01"],
  [150, "ac 02"],
  [2_147_483_647, "fe ff ff ff 0f"],
  [-2_147_483_648, "ff ff ff ff 0f"],
]);
const signed64: readonly (readonly [bigint, string])[] = [
  [0n, "00"],
  [-1n, "01"],
  [1n, "02"],
  [-64n, "7f"],
  [64n, "80 01"],
  [2n ** 31n, "80 80 80 80 10"],
  [-(2n ** 31n) - 1n, "81 80 80 80 10"],
  [2n ** 63n - 1n, "fe ff ff ff ff ff ff ff ff 01"],
  [-(2n ** 63n), "ff ff ff ff ff ff ff ff ff 01"],
];
row("i64", i64, signed64);
row("isize, as an i64", isize, signed64);
row("i128", i128, [
  ...signed64,
  [2n ** 63n, "80 80 80 80 80 80 80 80 80 02"],
  [2n ** 127n - 1n, "fe ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff 03"],
  [-(2n ** 127n), "ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff 03"],
]);
row("bool", bool, [
  [false, "00"],
  [true, "01"],
]);
row("f32", f32, [
  [0, "00 00 00 00"],
  [-0, "00 00 00 80"],
  [1, "00 00 80 3f"],
  [-1.5, "00 00 c0 bf"],
  [2 ** -149, "01 00 00 00"],
  [Infinity, "00 00 80 7f"],
  [-Infinity, "00 00 80 ff"],
  [NaN, "00 00 c0 7f"],
]);
row("f64", f64, [
  [0, "00 00 00 00 00 00 00 00"],
  [-0, "00 00 00 00 00 00 00 80"],
  [1, "00 00 00 00 00 00 f0 3f"],
  [-1.5, "00 00 00 00 00 00 f8 bf"],
  [5e-324, "01 00 00 00 00 00 00 00"],
  [Infinity, "00 00 00 00 00 00 f0 7f"],
  [-Infinity, "00 00 00 00 00 00 f0 ff"],
  [NaN, "00 00 00 00 00 00 f8 7f"],
]);
row("unit", unit, [[undefined, ""]]);
row("string", string, [
  ["", "00"],
  ["a", "01 61"],
  ["hello", "05 68 65 6c 6c 6f"],
  ["\u0000", "01 00"],
  ["é", "02 c3 a9"],
  ["€", "03 e2 82 ac"],
  ["\ufeff!", "04 ef bb bf 21"],
  ["🦀", "04 f0 9f a6 80"],
  ["aé€🦀", "0a 61 c3 a9 e2 82 ac f0 9f a6 80"],
  ["\uffff\u{10ffff}", "07 ef bf bf f4 8f bf bf"],
  ["a".repeat(127), `7f ${"61".repeat(127)}`],
  ["a".repeat(128), `80 01 ${"61".repeat(128)}`],
  ["é".repeat(64), `80 01 ${"c3a9".repeat(64)}`],
  ["€".repeat(43), `81 01 ${"e282ac".repeat(43)}`],
  ["a".repeat(16_384), `80 80 01 ${"61".repeat(16_384)}`],
]);
row("bytes", bytes, [
  [new Uint8Array(), "00"],
  [new Uint8Array([0, 255]), "02 00 ff"],
  [new Uint8Array(200).fill(7), `c8 01 ${"07".repeat(200)}`],
]);
row("[T; N]", array(u16, 3), [[[1, 300, 3], "01 ac 02 03"]]);
row("[T; 0]", array(u16, 0), [[[], ""]]);
row("Vec<T>", vec(u16), [
  [[], "00"],
  [[1, 300], "02 01 ac 02"],
]);
row("Vec<u8> as a list", vec(u8), [[[0, 255], "02 00 ff"]]);
row("Vec<()>", vec(unit), [[[undefined, undefined, undefined], "03"]]);
row("Vec<Vec<String>>", vec(vec(string)), [[[["a"], [], ["b", ""]], "03 01 01 61 00 02 01 62 00"]]);
row("tuple", tuple(u8, string, i16), [[[7, "x", -1], "07 01 78 01"]]);
row("plain struct", struct({ id: u32, name: string, nested: struct({ on: bool }) }), [
  [{ id: 300, name: "hi", nested: { on: true } }, "ac 02 02 68 69 01"],
]);
row("Option<T>", option(u16), [
  [null, "00"],
  [300, "01 ac 02"],
]);
row("Option<()>", option(unit), [
  [null, "00"],
  [undefined, "01"],
]);
row("Option<Option<T>>, by a tuple of one", option(tuple(option(u8))), [
  [null, "00"],
  [[null], "01 00"],
  [[5], "01 01 05"],
]);
row("Result<T, E>", result(u16, string), [
  [{ ok: 300 }, "00 ac 02"],
  [{ err: "no" }, "01 02 6e 6f"],
]);
row("enum", enumeration({ Quit: unit, Move: struct({ x: i32, y: i32 }), Say: string, Pair: tuple(u8, u8) }), [
  [{ tag: "Quit" }, "00"],
  [{ tag: "Move", value: { x: 1, y: -2 } }, "01 02 03"],
  [{ tag: "Say", value: "hi" }, "02 02 68 69"],
  [{ tag: "Pair", value: [1, 2] }, "03 01 02"],
]);
row(
  "enum of more than 128 variants",
  enumeration(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`V${i}`, unit]))),
  [
    [{ tag: "V127" }, "7f"],
    [{ tag: "V128" }, "80 01"],
    [{ tag: "V199" }, "c7 01"],
  ],
);
row("map", map(string, u16), [
  [new Map(), "00"],
  [
    new Map([
      ["a", 1],
      ["b", 300],
    ]),
    "02 01 61 01 01 62 ac 02",
  ],
]);
row("set", set(u16), [
  [new Set(), "00"],
  [new Set([1, 2]), "02 01 02"],
]);
row("versioned struct", versioned(1, { id: u64, text: string }), [
  [{ id: 7n, text: "hello" }, "01 07 07 05 68 65 6c 6c 6f"],
  [{ id: 7n, text: "x".repeat(200) }, `01 cb 01 07 c8 01 ${"78".repeat(200)}`],
]);
row(
  "versioned struct with a field added and one gone",
  versioned(300, { id: u8, old: deprecated(3, u32, 0), late: since(2, option(u16), null) }),
  [[{ id: 1, old: 0, late: 5 }, "ac 02 03 01 01 05"]],
);

test("a map is written in the order of its keys' bytes, a prefix first, however it was filled", () => {
  const numbers = map(u32, unit);
  // 300 is ac 02 and 128 is 80 01: 128 comes first; 16384 is 80 80 01, and comes between them.
  const one = new Map([300, 1, 128, 16_384, 127].map((key) => [key, undefined] as const));
  assert.deepEqual(numbers.encode(one), hex("05 01 7f 80 01 80 80 01 ac 02"));
  // As tuples of bytes the first three are prefixes each of the next: a b, then a b c.
  const words = map(array(u8, 2), string);
  const two = new Map([
    [[2, 1], "c"],
    [[1, 2], "b"],
    [[1, 1], "a"],
  ]);
  assert.deepEqual(words.encode(two), hex("03 01 01 01 61 01 02 01 62 02 01 01 63"));
});

test("a set is written in the order of its elements' bytes", () => {
  // The length stands first: "b" (01 62) before "aa" (02 61 61).
  assert.deepEqual(set(string).encode(new Set(["aa", "b", "", "a"])), hex("04 00 01 61 01 62 02 61 61"));
  assert.deepEqual(set(i16).encode(new Set([-1, 1, 0])), hex("03 00 01 02"));
  // None is 00, and a prefix of nothing but itself.
  assert.deepEqual(set(option(u8)).encode(new Set([5, null])), hex("02 00 01 05"));
});

test("a prefix sorts first; no encoding begins another of its type, so this is the comparison by itself", () => {
  const all = hex("01 02 03 01 02");
  assert.ok(compareBytes(all, 3, 5, 0, 3) < 0);
  assert.ok(compareBytes(all, 0, 3, 3, 5) > 0);
  assert.equal(compareBytes(all, 0, 2, 3, 5), 0);
  assert.ok(compareBytes(all, 1, 3, 3, 5) > 0);
  assert.ok(compareBytes(all, 2, 2, 0, 1) < 0);
});
