/** Every category of error is reached, both ways, with the offset and the path; nothing wrong is let through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WalError } from "wal-db";
import {
  array,
  bool,
  bytes,
  encode,
  enumeration,
  f32,
  f32Bits,
  f64,
  f64Bits,
  i128,
  i16,
  i32,
  i64,
  i8,
  isize,
  limited,
  map,
  option,
  PackIoError,
  peekVersion,
  result,
  set,
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
import { decodeRefused, encodeRefused, hex, refused } from "./refusal.js";

test("decoding: the bytes end within a value", () => {
  for (const codec of [
    u8,
    i8,
    u16,
    u32,
    i16,
    i32,
    bool,
    option(u8),
    result(u8, u8),
    vec(u8),
    string,
    bytes,
  ]) {
    decodeRefused(codec, "", "UnexpectedEof", 0);
  }
  for (const codec of [u64, usize, i64, isize, u128, i128, map(u8, u8), set(u8), enumeration({ A: unit })]) {
    decodeRefused(codec, "", "UnexpectedEof", 0);
  }
  for (const codec of [u16, u32, u64, u128, i16, i32, i64, i128])
    decodeRefused(codec, "80", "UnexpectedEof", 1);
  decodeRefused(f32, "00 00 00", "UnexpectedEof", 0);
  decodeRefused(f32Bits, "00 00 00", "UnexpectedEof", 0);
  decodeRefused(f64, "00 00 00 00 00 00 00", "UnexpectedEof", 0);
  decodeRefused(f64Bits, "00 00 00 00 00 00 00", "UnexpectedEof", 0);
  decodeRefused(array(u16, 3), "01 02", "UnexpectedEof", 0);
  decodeRefused(array(u16, 3), "01 80 80", "UnexpectedEof", 3, "[1]");
  decodeRefused(tuple(u8, u8), "01", "UnexpectedEof", 1, "[1]");
  decodeRefused(struct({ a: u8, b: f32 }), "01 00", "UnexpectedEof", 1, "b");
  decodeRefused(option(u16), "01", "UnexpectedEof", 1);
  decodeRefused(versioned(1, { a: u8 }), "01", "UnexpectedEof", 1);
});

test("decoding: a length is over the bytes left, or over the cap", () => {
  decodeRefused(string, "05 61 62", "InvalidLength", 0);
  decodeRefused(bytes, "03 61 62", "InvalidLength", 0);
  decodeRefused(vec(u8), "03 01 02", "InvalidLength", 0);
  // Each element takes eight bytes: two are not there, though the count is below what is left.
  decodeRefused(vec(f64), "02 00 00 00 00 00 00 00 00 00", "InvalidLength", 0);
  decodeRefused(map(u8, u16), "02 01 02 03", "InvalidLength", 0);
  decodeRefused(set(u8), "02 01", "InvalidLength", 0);
  decodeRefused(versioned(1, { a: u8 }), "01 02 05", "InvalidLength", 1);
  const huge = "ff ff ff ff ff ff ff ff ff 01";
  for (const codec of [string, bytes, vec(u8), vec(unit), set(u8), set(unit), map(unit, unit)]) {
    decodeRefused(codec, huge, "InvalidLength", 0);
  }
  decodeRefused(versioned(1, { a: u8 }), `01 ${huge}`, "InvalidLength", 1);
  decodeRefused(limited(string, { allocationCap: 2 }), "03 61 62 63", "InvalidLength", 0);
  decodeRefused(limited(vec(u8), { allocationCap: 2 }), "03 61 62 63", "InvalidLength", 0);
  assert.equal(limited(string, { allocationCap: 3 }).decode(hex("03 61 62 63")), "abc");
});

test("decoding: an integer is longer than its type, or than it must be", () => {
  decodeRefused(u16, "80 80 80 01", "VarintOverflow", 0);
  decodeRefused(i16, "80 80 80 01", "VarintOverflow", 0);
  decodeRefused(u32, "80 80 80 80 80 01", "VarintOverflow", 0);
  decodeRefused(i32, "80 80 80 80 80 01", "VarintOverflow", 0);
  const nine = "80 80 80 80 80 80 80 80 80";
  for (const codec of [u64, usize, i64, isize]) {
    decodeRefused(codec, `${nine} 02`, "VarintOverflow", 0);
    decodeRefused(codec, `${nine} 81 00`, "VarintOverflow", 0);
    decodeRefused(codec, `${nine} 80`, "VarintOverflow", 0);
  }
  for (const codec of [u128, i128]) {
    decodeRefused(codec, `${nine} ${nine} 04`, "VarintOverflow", 0);
    decodeRefused(codec, `${nine} ${nine} 83 00`, "VarintOverflow", 0);
  }
  for (const codec of [u16, u32, u64, u128, usize, i16, i32, i64, i128, isize]) {
    decodeRefused(codec, "80 00", "VarintOverflow", 0);
    decodeRefused(codec, "ff 80 00", "VarintOverflow", 0);
  }
  for (const codec of [u64, u128, i64, i128]) decodeRefused(codec, `${nine} 00`, "VarintOverflow", 0);
  decodeRefused(u128, `${nine} ${nine} 00`, "VarintOverflow", 0);
  decodeRefused(string, "81 00 61", "VarintOverflow", 0);
  decodeRefused(enumeration({ A: unit }), "80 00", "VarintOverflow", 0);
  decodeRefused(versioned(1, { a: unit }), "81 00 00", "VarintOverflow", 0);
  decodeRefused(versioned(1, { a: unit }), "80 80 80 80 80 01 00", "VarintOverflow", 0);
});

test("decoding: an integer is short enough, and still not one of its type; a version is 0", () => {
  decodeRefused(u16, "80 80 04", "IntegerOutOfRange", 0);
  decodeRefused(i16, "80 80 04", "IntegerOutOfRange", 0);
  decodeRefused(u32, "80 80 80 80 10", "IntegerOutOfRange", 0);
  decodeRefused(i32, "ff ff ff ff 7f", "IntegerOutOfRange", 0);
  decodeRefused(versioned(1, { a: unit }), "00 00", "IntegerOutOfRange", 0);
  decodeRefused(versioned(1, { a: unit }), "80 80 80 80 10 00", "IntegerOutOfRange", 0);
});

test("decoding: bytes that are no bool, no tag, no variant, no text; and bytes left over", () => {
  decodeRefused(bool, "02", "InvalidBool", 0);
  decodeRefused(bool, "ff", "InvalidBool", 0);
  decodeRefused(option(u8), "02 00", "InvalidTag", 0);
  decodeRefused(result(u8, u8), "80 00", "InvalidTag", 0);
  decodeRefused(enumeration({ A: unit, B: unit }), "02", "UnknownVariant", 0);
  decodeRefused(enumeration({ A: unit }), "80 80 80 80 10", "UnknownVariant", 0);
  decodeRefused(enumeration({ A: unit }), "ff ff ff ff ff ff ff ff ff 01", "UnknownVariant", 0);
  decodeRefused(u8, "00 00", "TrailingBytes", 1);
  decodeRefused(unit, "00", "TrailingBytes", 0);
  decodeRefused(array(u8, 0), "00", "TrailingBytes", 0);
  decodeRefused(versioned(2, { a: u8 }), "02 02 01 01", "TrailingBytes", 3);
});

test("decoding: what is not UTF-8 is refused, short and long", () => {
  const wrong = [
    "80", // Goes on, and nothing began.
    "c3", // Begins, and nothing goes on.
    "c3 28",
    "c0 80", // Zero, the long way.
    "e0 80 80",
    "ed a0 80", // Half a surrogate pair.
    "ed b0 80",
    "f0 80 80 80",
    "f4 90 80 80", // Above the last character.
    "f5 80 80 80",
    "ff",
  ];
  for (const text of wrong) {
    const length = hex(text).length;
    decodeRefused(string, `0${length} ${text}`, "InvalidUtf8", 1);
    const behind = `${"61".repeat(60)} ${text}`;
    decodeRefused(string, `${(60 + length).toString(16)} ${behind}`, "InvalidUtf8", 1);
    const before = `${text} ${"61".repeat(10)}`;
    decodeRefused(string, `0${(10 + length).toString(16)} ${before}`, "InvalidUtf8", 1);
  }
});

/** Of every type that JavaScript has. */
const values = [
  undefined,
  null,
  true,
  1,
  1n,
  "1",
  Symbol("s"),
  {},
  [],
  () => 1,
  new Map(),
  new Set(),
  new Date(0),
];

test("encoding: what is no number of its type", () => {
  const numbers = [
    [u8, -1, 256],
    [u16, -1, 65_536],
    [u32, -1, 4_294_967_296],
    [i8, -129, 128],
    [i16, -32_769, 32_768],
    [i32, -2_147_483_649, 2_147_483_648],
    [f32Bits, -1, 4_294_967_296],
  ] as const;
  for (const [codec, below, above] of numbers) {
    for (const value of [below, above, 0.5, NaN, Infinity, 2 ** 53]) {
      encodeRefused(codec, value, "IntegerOutOfRange");
    }
    for (const value of values) if (value !== 1) encodeRefused(codec, value, "IntegerOutOfRange");
  }
  const bigs = [
    [u64, -1n, 2n ** 64n],
    [usize, -1n, 2n ** 64n],
    [u128, -1n, 2n ** 128n],
    [i64, -(2n ** 63n) - 1n, 2n ** 63n],
    [isize, -(2n ** 63n) - 1n, 2n ** 63n],
    [i128, -(2n ** 127n) - 1n, 2n ** 127n],
    [f64Bits, -1n, 2n ** 64n],
  ] as const;
  for (const [codec, below, above] of bigs) {
    encodeRefused(codec, below, "IntegerOutOfRange");
    encodeRefused(codec, above, "IntegerOutOfRange");
    for (const value of values) if (value !== 1n) encodeRefused(codec, value, "IntegerOutOfRange");
  }
  for (const codec of [f32, f64]) {
    for (const value of values) if (value !== 1) encodeRefused(codec, value, "IntegerOutOfRange");
  }
});

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

test("encoding: what is not of its type at all", () => {
  for (const value of values) {
    if (value !== true) encodeRefused(bool, value, "InvalidBool");
    if (value !== "1") encodeRefused(string, value, "InvalidUtf8");
    if (value !== undefined) encodeRefused(unit, value, "InvalidTag");
    if (!Array.isArray(value)) {
      encodeRefused(vec(u8), value, "InvalidLength");
      encodeRefused(array(u8, 0), value, "InvalidLength");
      encodeRefused(tuple(), value, "InvalidLength");
    }
    if (!(value instanceof Map)) encodeRefused(map(u8, u8), value, "InvalidLength");
    if (!(value instanceof Set)) encodeRefused(set(u8), value, "InvalidLength");
    encodeRefused(bytes, value, "InvalidLength");
    encodeRefused(result(u8, u8), value, "InvalidTag");
    encodeRefused(enumeration({ A: unit }), value, isObject(value) ? "UnknownVariant" : "InvalidTag");
    if (!isObject(value)) encodeRefused(struct({}), value, "InvalidTag");
    if (!isObject(value)) encodeRefused(versioned(1, {}), value, "InvalidTag");
  }
  encodeRefused(result(u8, u8), { ok: 1, err: 1 }, "InvalidTag");
  for (const tag of ["B", "constructor", "__proto__", 0, Symbol("A"), null]) {
    encodeRefused(enumeration({ A: unit }), { tag }, "UnknownVariant");
  }
  encodeRefused(enumeration({ A: unit }), { tag: "A", value: null }, "InvalidTag", 1, "value");
  encodeRefused(option(u8), undefined, "IntegerOutOfRange", 1);
  encodeRefused(struct({ note: option(struct({ text: string })) }), {}, "InvalidTag", 1, "note");
  encodeRefused(array(u8, 2), [1], "InvalidLength");
  encodeRefused(array(u8, 2), [1, 2, 3], "InvalidLength");
  encodeRefused(tuple(u8, u8), [1, 2, 3], "InvalidLength");
});

test("encoding: half of a surrogate pair is refused, and not replaced, wherever it stands", () => {
  for (const half of ["\ud83d", "\udd80", "\ud83d\ud83e", "\udd80\ud83d"]) {
    for (const around of ["", "a", "é", "🦀", "a".repeat(41), "a".repeat(100), "é".repeat(2000)]) {
      for (const text of [half + around, around + half, `${around}${half}${around}`]) {
        // A half that meets its other half is whole.
        if (!/\p{Surrogate}/u.test(text)) continue;
        encodeRefused(string, text, "InvalidUtf8");
      }
    }
  }
});

test("encoding: lengths over the cap are refused, since they could not be read back", () => {
  const small = { allocationCap: 3 };
  encodeRefused(limited(string, small), "abcd", "InvalidLength");
  encodeRefused(limited(string, small), "éé", "InvalidLength");
  encodeRefused(limited(string, { allocationCap: 50 }), "é".repeat(45), "InvalidLength");
  encodeRefused(limited(bytes, small), new Uint8Array(4), "InvalidLength");
  encodeRefused(limited(vec(u8), small), [1, 2, 3, 4], "InvalidLength");
  encodeRefused(limited(set(u8), small), new Set([1, 2, 3, 4]), "InvalidLength");
  encodeRefused(limited(versioned(1, { a: array(u8, 4) }), small), { a: [1, 2, 3, 4] }, "InvalidLength", 6);
  refused(() => encode(string, "abcd", small), "InvalidLength", 0);
  assert.equal(limited(string, small).encode("abc").length, 4);
});

test("the path leads to what was wrong, and the offset to where it stands", () => {
  const order = struct({
    id: u64,
    order: struct({
      items: vec(struct({ price: u32, "the note": option(string) })),
      "by-name": map(string, set(u8)),
    }),
    event: enumeration({ Say: tuple(result(bool, string)) }),
  });
  const good = {
    id: 1n,
    order: { items: [{ price: 1, "the note": "x" }], "by-name": new Map([["k", new Set([1])]]) },
    event: { tag: "Say", value: [{ ok: true }] },
  };
  // 01 | 01 01 01 01 78 | 01 01 6b 01 01 | 00 00 01
  const encoded = order.encode(good as never);
  assert.deepEqual(encoded, hex("01 01 01 01 01 78 01 01 6b 01 01 00 00 01"));
  const wrong: readonly (readonly [
    at: number,
    byte: number,
    kind: PackIoError["kind"],
    offset: number,
    field: string,
  ])[] = [
    [2, 0xff, "IntegerOutOfRange", 2, "order.items[0].price"],
    [3, 0x07, "InvalidTag", 3, 'order.items[0]["the note"]'],
    [5, 0xff, "InvalidUtf8", 5, 'order.items[0]["the note"]'],
    [7, 0x77, "InvalidLength", 7, 'order["by-name"][0].key'],
    [9, 0x77, "InvalidLength", 9, 'order["by-name"][0].value'],
    [11, 0x05, "UnknownVariant", 11, "event"],
    [12, 0x05, "InvalidTag", 12, "event.value[0]"],
    [13, 0x05, "InvalidBool", 13, "event.value[0].ok"],
  ];
  for (const [at, byte, kind, offset, field] of wrong) {
    const bytesOf = Uint8Array.from(encoded);
    bytesOf[at] = byte;
    // ff goes on: with these behind it, it is five bytes and too large.
    if (at === 2) bytesOf.set([0xff, 0xff, 0xff, 0xff, 0x7f], 2);
    refused(() => order.decode(bytesOf), kind, offset, field);
  }
  const { order: inner } = good;
  encodeRefused(order, { ...good, id: 1 }, "IntegerOutOfRange", 0, "id");
  const items = [inner.items[0], { price: -1 }];
  encodeRefused(
    order,
    { ...good, order: { ...inner, items } },
    "IntegerOutOfRange",
    6,
    "order.items[1].price",
  );
  const named = new Map([["k", new Set([1, 256])]]);
  encodeRefused(
    order,
    { ...good, order: { ...inner, "by-name": named } },
    "IntegerOutOfRange",
    11,
    'order["by-name"][0].value[1]',
  );
  const keyed = new Map([[1, new Set()]]);
  encodeRefused(
    order,
    { ...good, order: { ...inner, "by-name": keyed } },
    "InvalidUtf8",
    7,
    'order["by-name"][0].key',
  );
  encodeRefused(
    order,
    { ...good, event: { tag: "Say", value: [{ err: 1 }] } },
    "InvalidUtf8",
    13,
    "event.value[0].err",
  );
});

test("an error says what, where and in which field, and its stack says so too", () => {
  const error = refused(() => struct({ a: bool }).decode(hex("02")), "InvalidBool", 0, "a");
  assert.equal(error.name, "PackIoError");
  assert.equal(error.message, "Cannot decode, InvalidBool at byte 0, in a: 2, and a bool is 0 or 1.");
  assert.ok(error.stack?.startsWith(`PackIoError: ${error.message}`), error.stack);
  assert.ok(!(new Error("no") instanceof PackIoError));
  // Another copy of the package has a class of its own.
  const other = Object.assign(new Error("x"), { [Symbol.for("wal-db.PackIoError")]: true });
  assert.ok(other instanceof PackIoError);
});

function invalid(call: () => unknown, message: RegExp): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof WalError, String(error));
    assert.equal(error.code, "WAL_INVALID_ARGUMENT");
    assert.match(error.message, message);
    return true;
  });
}

test("a schema that cannot be is refused when it is made", () => {
  const foreign = { encode: () => new Uint8Array(), decode: () => 1 };
  for (const make of [vec, option, set] as const) invalid(() => make(foreign), /codecs of wal-db\/pack-io/);
  invalid(() => array(foreign, 1), /codecs of wal-db\/pack-io/);
  invalid(() => tuple(u8, foreign), /codecs of wal-db\/pack-io/);
  invalid(() => map(u8, foreign), /codecs of wal-db\/pack-io/);
  invalid(() => result(foreign, u8), /codecs of wal-db\/pack-io/);
  invalid(() => struct({ a: foreign }), /at a, takes codecs/);
  invalid(() => enumeration({ a: foreign }), /at a, takes codecs/);
  invalid(() => versioned(1, { a: foreign }), /at a, takes codecs/);
  invalid(() => struct({ a: undefined as never }), /at a, takes codecs/);
  invalid(() => option(option(u8)), /one null for two values/);
  invalid(() => array(u8, -1), /length of an array/);
  invalid(() => array(u8, 1.5), /length of an array/);
  invalid(() => array(u8, 2 ** 32), /length of an array/);
  invalid(() => enumeration({}), /at least one variant/);
  // JavaScript would put "7" first, and with it its byte.
  invalid(() => struct({ name: u8, 7: u8 }), /a name "7"/);
  invalid(() => enumeration({ A: unit, 0: unit }), /a name "0"/);
  invalid(() => struct(null as never), /an object of codecs/);
  for (const limit of [0, -1, 1.5, NaN, 2 ** 32]) {
    invalid(() => limited(u8, { allocationCap: limit }), /allocationCap is a whole number/);
  }
  invalid(() => limited(u8, { maxDepth: -1 }), /maxDepth is a whole number/);
  invalid(() => limited(u8, { depth: 1 } as never), /no option "depth"/);
  invalid(() => limited(foreign, {}), /limited takes codecs/);
});

test("what is no Uint8Array is no bytes", () => {
  invalid(() => u8.decode("00" as never), /decode takes a Uint8Array/);
  invalid(() => u8.decode(new ArrayBuffer(1) as never), /decode takes a Uint8Array/);
  invalid(() => u8.encodeInto(1, [] as never), /encodeInto takes a Uint8Array/);
});

test("a member that was left out, where there is an option: the message says what none is", () => {
  const order = struct({ id: u8, note: option(string) });
  const left = refused(() => order.encode({ id: 1 } as never), "InvalidUtf8", 2, "note");
  assert.match(left.message, /undefined is no string\. None is null\.$/);
  const wrong = refused(() => order.encode({ id: 1, note: 5 } as never), "InvalidUtf8", 2, "note");
  assert.doesNotMatch(wrong.message, /None/);
  assert.deepEqual(option(unit).encode(undefined), new Uint8Array([1]), "a unit is undefined");
});

/**
 * The length of bytes was what their class said of it: with one that says more, what the buffer held of other values
 * was written behind them; with none that is a number, nothing at all. Those whose buffer is gone became empty ones.
 */
test("bytes are as long as they are, whatever their class says", () => {
  for (const length of [50, 20, 2, -1, Number.NaN]) {
    class Odd extends Uint8Array {
      override get length(): number {
        return length;
      }
    }
    const into = new Uint8Array(40).fill(0xee);
    const odd = Odd.from([1, 2, 3]);
    assert.deepEqual(bytes.encode(odd), hex("03 01 02 03"), `${length}`);
    assert.equal(bytes.encodeInto(odd, into), 4, `${length}`);
  }
  const gone = new Uint8Array([1, 2, 3]);
  structuredClone(gone, { transfer: [gone.buffer] });
  encodeRefused(bytes, gone, "InvalidLength");
  encodeRefused(bytes, new Proxy(new Uint8Array(3), {}), "InvalidLength");
  assert.deepEqual(bytes.encode(new Uint8Array(0)), hex("00"));
});

/** A list of length -1 was encoded as the byte ff, and one of "1" or 1.5 as if that were a count. */
test("a list that says it has no whole number of elements is refused", () => {
  for (const length of [-1, Number.NaN, 1.5, "1", 2 ** 32, -(2 ** 32)]) {
    const list = new Proxy([7, 8], {
      get: (target, key) => (key === "length" ? length : Reflect.get(target, key)),
    });
    encodeRefused(vec(u8), list, "InvalidLength");
  }
});

/** It threw a TypeError of its own, or read numbers from whatever has indices. */
test("the version of what is no bytes is not looked for", () => {
  for (const given of [undefined, null, "abc", [3, 4]]) {
    assert.throws(() => peekVersion(given as unknown as Uint8Array), {
      code: "WAL_INVALID_ARGUMENT",
      message: /peekVersion takes a Uint8Array/,
    });
  }
});
