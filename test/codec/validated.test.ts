/** validated() over the schemas that people have, as they come, and over schemas that misbehave. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import { type Lsn, MemStore, Wal, WalError } from "wal-db";
import { json, type SchemaIssue, type StandardSchema, validated } from "wal-db/codecs";
import { z } from "zod";
import { walFault } from "../support/wal-fault.ts";

interface Order {
  id: number;
  lines: { item: string; count: number }[];
}

const schemas: Readonly<Record<string, StandardSchema<Order>>> = {
  zod: z.object({ id: z.int(), lines: z.array(z.object({ item: z.string(), count: z.number().min(1) })) }),
  valibot: v.object({
    id: v.pipe(v.number(), v.integer()),
    lines: v.array(v.object({ item: v.string(), count: v.pipe(v.number(), v.minValue(1)) })),
  }),
  arktype: type({ id: "number.integer", lines: type({ item: "string", count: "number >= 1" }).array() }),
};

const good: Order = { id: 1, lines: [{ item: "tea", count: 2 }] };
const bad: Order = { id: 1, lines: [good.lines[0] as never, { item: "milk", count: 0 }] };

for (const [name, schema] of Object.entries(schemas)) {
  test(`${name}: checked on append and on reading, and the place is told`, async () => {
    const wal = Wal.withStoreBlocking(new MemStore());
    const typed = wal.typed(validated(schema, json()));
    typed.append(good);
    const refused = walFault(
      "WAL_ENCODING",
      { reason: "invalid-value" },
      /the value given does not fit its schema: lines\[1\]\.count: /,
    );
    assert.throws(() => typed.append(bad), refused);
    assert.throws(() => typed.appendBatch([good, bad]), refused);
    await assert.rejects(typed.appendAndSync(bad), refused);
    const lsn = wal.append(JSON.stringify(bad));
    const read = walFault(
      "WAL_ENCODING",
      { reason: "invalid-value", offset: lsn },
      /the value read does not fit .*lines\[1\]\.count/,
    );
    assert.throws(() => typed.read(lsn), read);
    assert.deepEqual(typed.read(0 as Lsn).value, good);
    assert.equal([...wal].length, 2);
  });
}

test("the issues are at hand, and no more than five in the message", () => {
  const schema = z.object(Object.fromEntries(Array.from("abcdefg", (name) => [name, z.string()])));
  const wal = Wal.withStoreBlocking(new MemStore());
  try {
    wal.appendTyped({}, validated(schema, json()));
    assert.fail("taken");
  } catch (error) {
    assert.ok(error instanceof WalError && error.cause instanceof WalError);
    const issues = error.cause.cause as SchemaIssue[];
    assert.deepEqual(
      issues.map(({ path }) => path),
      Array.from("abcdefg", (name) => [name]),
    );
    assert.match(error.message, /a: .*; b: .*; c: .*; d: .*; e: .*; and 2 more\. Nothing was appended\.$/);
  }
});

/*
 * Were the schema's result logged, what adds 1 would have added 2 when the value was read, and a text that
 * became a Date would be refused.
 */
test("a schema changes a value once, on reading", () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  const schema = z.object({ name: z.string().trim(), count: z.number().transform((n) => n + 1) });
  const typed = wal.typed(validated(schema, json()));
  typed.append({ name: " x ", count: 1 });
  assert.equal([...wal][0]?.text(), '{"name":" x ","count":1}');
  assert.deepEqual(typed.read(0 as Lsn).value, { name: "x", count: 2 });
});

test("a field with a default, added later, is there in old records", () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  wal.typed(validated(z.object({ cents: z.int() }), json())).append({ cents: 5 });
  const now = z.object({ cents: z.int(), currency: z.string().default("EUR") });
  assert.deepEqual(wal.typed(validated(now, json())).read(0 as Lsn).value, { cents: 5, currency: "EUR" });
});

test("a schema that is asynchronous is refused, and ends no process", async () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  const late = schemaOf(async () => {
    throw new Error("late");
  });
  const tells = walFault(
    "WAL_ENCODING",
    { reason: "asynchronous" },
    /the schema's validate returned a Promise/,
  );
  wal.append('"x"');
  for (const schema of [late, z.string().refine(async () => true) as StandardSchema]) {
    assert.throws(() => wal.appendTyped("x", validated(schema, json())), tells);
    assert.throws(() => wal.typed(validated(schema, json())).read(0 as Lsn), tells);
  }
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal([...wal].length, 1);
});

function schemaOf(validate: (value: unknown) => unknown): StandardSchema {
  return { "~standard": { version: 1, vendor: "test", validate: validate as never } };
}

test("schemas that misbehave", () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  const cause = new Error("schema");
  const issues = [{ message: "no" }];
  const odd: [(value: unknown) => unknown, RegExp][] = [
    [() => null, /validate returned null/],
    [() => true, /validate returned true/],
    [() => ({ issues: [] }), /does not fit its schema: it names no issue\./],
    [() => ({ issues, value: 1 }), /schema: no\./],
    [() => ({ issues: [{ message: "no", path: [] }] }), /schema: no\./],
    [
      () => ({ issues: [{ message: "no", path: ["a b", 0, { key: "c" }, Symbol("d"), ""] }] }),
      /\["a b"\]\[0\]\.c\[Symbol\(d\)\]\[""\]: no/,
    ],
    [() => ({ issues: 5 }), /./],
    [
      () => {
        throw cause;
      },
      /schema\. Nothing/,
    ],
  ];
  for (const [validate, message] of odd) {
    const codec = validated(schemaOf(validate), json());
    assert.throws(() => wal.appendTyped(1, codec), walFault("WAL_ENCODING", {}, message));
  }
  for (const schema of [
    undefined,
    null,
    5,
    {},
    { "~standard": { version: 2, validate: () => {} } },
    { "~standard": { version: 1 } },
    () => {},
  ]) {
    assert.throws(
      () => validated(schema as never, json()),
      walFault("WAL_INVALID_ARGUMENT", {}, /Standard Schema/),
    );
  }
  assert.throws(
    () =>
      validated(
        schemaOf(() => ({ value: 1 })),
        {} as never,
      ),
    walFault("WAL_INVALID_ARGUMENT", {}, /codec/),
  );
  assert.equal(wal.end, 0);
});

test("in place when the codec within is, and only then", () => {
  const any = schemaOf((value) => ({ value }));
  assert.equal(typeof validated(any, json()).encodeInto, "function");
  const plain = { encode: () => new Uint8Array(), decode: () => 1 };
  assert.equal("encodeInto" in validated(any, plain), false);
  class Counting {
    readonly #bytes = new Uint8Array(1);
    encode(): Uint8Array {
      return this.#bytes;
    }
    decode(): number {
      return this.#bytes.length;
    }
    encodeInto(): number {
      return this.#bytes.length;
    }
  }
  const wal = Wal.withStoreBlocking(new MemStore());
  wal.appendTyped(1, validated(any, new Counting()));
  assert.equal(wal.end, 9);
});

test("a schema that was given as a codec is told what it lacks", () => {
  const wal = Wal.withStoreBlocking(new MemStore());
  const told = /schema, and validated\(schema, json\(\)\)/;
  // zod's schemas have encode and decode of their own, and only what they return is none.
  const typed = wal.typed(schemas["zod"] as never);
  assert.throws(() => typed.append(good), walFault("WAL_ENCODING", { reason: "not-bytes" }, told));
  for (const name of ["valibot", "arktype"]) {
    assert.throws(() => wal.typed(schemas[name] as never), walFault("WAL_INVALID_ARGUMENT", {}, told), name);
  }
  assert.equal(wal.end, 0);
});
