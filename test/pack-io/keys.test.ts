/** Maps and sets whose bytes are not as an encoder would write them, and keys that are objects. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Codec } from "wal-db";
import {
  array,
  bytes,
  enumeration,
  f64,
  lazy,
  limited,
  map,
  option,
  type PackCodec,
  set,
  since,
  string,
  struct,
  tuple,
  u8,
  vec,
  versioned,
} from "wal-db/pack-io";
import { encodeRefused, hex } from "./refusal.js";

test("a key that comes twice: the last one wins in a map, the first in a set", () => {
  assert.deepEqual(
    map(string, u8).decode(hex("03 01 61 01 01 62 02 01 61 03")),
    new Map([
      ["a", 3],
      ["b", 2],
    ]),
  );
  assert.deepEqual(set(string).decode(hex("03 01 61 01 62 01 61")), new Set(["a", "b"]));
});

test("keys in another order are taken", () => {
  assert.deepEqual(
    [...map(u8, u8).decode(hex("02 05 01 03 02"))],
    [
      [5, 1],
      [3, 2],
    ],
  );
});

test("keys that are objects are one if their bytes are", () => {
  const point = struct({ x: u8, y: u8 });
  const seen = map(point, string).decode(hex("04 01 02 01 61 03 04 01 62 01 02 01 63 03 05 01 64"));
  assert.deepEqual(
    [...seen],
    [
      [{ x: 1, y: 2 }, "c"],
      [{ x: 3, y: 4 }, "b"],
      [{ x: 3, y: 5 }, "d"],
    ],
  );
  const blobs = set(bytes).decode(hex("05 01 07 01 08 01 07 00 01 08"));
  assert.deepEqual(
    Array.from(blobs, (each) => [...each]),
    [[7], [8], []],
  );
  const twice = set(array(u8, 2)).decode(hex("02 01 02 01 02"));
  assert.equal(twice.size, 1);
});

test("keys in ascending order are told apart without being encoded again, and a late one is still found", () => {
  const pairs = map(tuple(u8, u8), u8);
  const found = pairs.decode(hex("04 01 01 0a 01 02 0b 01 03 0c 01 02 0d"));
  assert.deepEqual([...found.values()], [10, 13, 12]);
});

test("keys with more than one encoding are one if the values are: a map in another order, another version", () => {
  const keyed = map(map(u8, u8), string);
  // {1:2, 3:4} and the same the other way round.
  const found = keyed.decode(hex("02 02 01 02 03 04 01 61 02 03 04 01 02 01 62"));
  assert.deepEqual(
    [...found],
    [
      [
        new Map([
          [1, 2],
          [3, 4],
        ]),
        "b",
      ],
    ],
  );
  const version = versioned(2, { a: u8, b: since(2, u8, 5) });
  // Version 1 with a fallback of 5, and version 2 that says 5.
  assert.equal(set(version).decode(hex("02 01 01 07 02 02 07 05")).size, 1);
  assert.equal(set(version).decode(hex("02 01 01 07 02 02 07 06")).size, 2);
  // Neither holds a map itself; each holds the other, and one holds a set.
  interface One {
    other: Other | null;
  }
  interface Other {
    one: One | null;
    tags: Set<number>;
  }
  const one: Codec<One> = struct({ other: option(lazy(() => other)) });
  const other: Codec<Other> = struct({ one: option(lazy(() => one)), tags: set(u8) });
  assert.equal(set(one).decode(hex("02 01 00 02 05 06 01 00 02 06 05")).size, 1);
  assert.equal(set(lazy(() => other)).decode(hex("02 01 01 00 02 05 06 00 01 01 00 02 06 05 00")).size, 1);
  const deferred = lazy(() => vec(u8));
  assert.equal(set(deferred).decode(hex("03 01 07 01 07 01 08")).size, 2);
});

test("a Map or Set with two keys that encode alike is refused: a decoder would see one", () => {
  const points = struct({ x: u8 });
  encodeRefused(set(points), new Set([{ x: 1 }, { x: 2 }, { x: 1 }]), "InvalidLength", 3);
  encodeRefused(
    map(points, u8),
    new Map([
      [{ x: 1 }, 1],
      [{ x: 1 }, 2],
    ]),
    "InvalidLength",
    3,
  );
  encodeRefused(
    struct({ a: map(points, u8) }),
    {
      a: new Map([
        [{ x: 1 }, 1],
        [{ x: 1 }, 2],
      ]),
    },
    "InvalidLength",
    3,
    "a",
  );
});

test("floats as keys: JavaScript has one zero and one NaN, as docs/pack-io.md says", () => {
  const zeros = set(f64).decode(hex("02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 80"));
  assert.equal(zeros.size, 1);
});

test("a field named like what every object has is a field like any other", () => {
  const odd = struct({ ["__proto__"]: u8, constructor: u8, toString: string });
  const value = odd.decode(hex("01 02 01 61"));
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.deepEqual(Object.entries(value), [
    ["__proto__", 1],
    ["constructor", 2],
    ["toString", "a"],
  ]);
  assert.deepEqual(odd.encode(value), hex("01 02 01 61"));
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

/**
 * Whether a type has one encoding for each value was asked along every way through it. A set of expressions, of six kinds
 * that each contain two more, took six minutes to decode one element; of eight, nobody would have seen the end.
 */
test("keys of a grammar whose types all contain one another", () => {
  type Expression = { tag: string; value: unknown };
  const grammar = (leaf: Codec<unknown>): PackCodec<Expression> => {
    const kinds: Record<string, Codec<unknown>> = {};
    for (let n = 0; n < 12; n++) {
      kinds[`Kind${n}`] = struct({ left: lazy(() => expression), right: lazy(() => expression) });
    }
    const expression = enumeration({ ...kinds, Leaf: leaf }) as unknown as PackCodec<Expression>;
    return expression;
  };
  assert.deepEqual(
    set(grammar(u8)).decode(hex("02 0c 07 0c 08")),
    new Set([7, 8].map((value) => ({ tag: "Leaf", value }))),
  );
  // What has more than one encoding is found behind all of them: two orders of one set.
  assert.equal(set(grammar(set(u8))).decode(hex("02 0c 02 07 08 0c 02 08 07")).size, 1);
});

/** Keys were encoded again, to be compared, under the default limits: what was allowed to be deeper was refused. */
test("keys that are nested deeper than the default, where the limits allow it", () => {
  type Chain = readonly Chain[];
  const chain: PackCodec<Chain> = vec(lazy(() => chain)) as PackCodec<Chain>;
  const chains = limited(set(chain), { maxDepth: 400 });
  const deep = `${"01 ".repeat(300)} 00`;
  assert.equal(chains.decode(hex(`03 ${deep} 00 ${deep}`)).size, 2);
});
