/** What is inferred of a codec, in each call. */
import { test } from "node:test";
import { type } from "arktype";
import { Encoder } from "cbor-x";
import { expectTypeOf } from "expect-type";
import { Packr } from "msgpackr";
import * as v from "valibot";
import type { Codec, Lsn, TypedRecord, TypedWal, Wal, WalRecord } from "wal-db";
import { batch, compressed, encrypted, json, validated } from "wal-db/codecs";
import { z } from "zod";

interface Order {
  readonly id: number;
}

declare const wal: Wal;
declare const codec: Codec<Order>;

/** Compiled, and never called. */
function types(): void {
  const typed = wal.typed(codec);
  expectTypeOf(typed).toEqualTypeOf<TypedWal<Order>>();
  expectTypeOf<TypedWal<Order>["append"]>().parameters.toEqualTypeOf<[value: Order]>();
  expectTypeOf(typed.append({ id: 1 })).toEqualTypeOf<Lsn>();
  expectTypeOf(typed.appendAndSync({ id: 1 })).toEqualTypeOf<Promise<Lsn>>();
  expectTypeOf(typed.appendAndSyncBlocking({ id: 1 })).toEqualTypeOf<Lsn>();
  expectTypeOf<TypedWal<Order>["appendBatch"]>().parameters.toEqualTypeOf<[values: Iterable<Order>]>();
  expectTypeOf(typed.appendBatch([])).toEqualTypeOf<Lsn[]>();
  expectTypeOf<TypedWal<Order>["read"]>().returns.toEqualTypeOf<TypedRecord<Order>>();
  expectTypeOf(typed.iter()).toExtend<Iterable<TypedRecord<Order>> & AsyncIterable<TypedRecord<Order>>>();
  expectTypeOf(typed.follow()).toEqualTypeOf<AsyncIterableIterator<TypedRecord<Order>>>();
  for (const { lsn, next, value } of typed) {
    expectTypeOf(lsn).toEqualTypeOf<Lsn>();
    expectTypeOf(next).toEqualTypeOf<Lsn>();
    expectTypeOf(value).toEqualTypeOf<Order>();
  }
  expectTypeOf(wal.appendTyped({ id: 1 }, codec)).toEqualTypeOf<Lsn>();
  expectTypeOf<WalRecord>().toHaveProperty("decode");
  expectTypeOf(wal.read(wal.head).decode(codec)).toEqualTypeOf<Order>();
  // @ts-expect-error: not what the codec takes
  typed.append({ id: "1" });
  // @ts-expect-error: not what the codec takes
  wal.appendTyped({ name: "x" }, codec);
  // @ts-expect-error: text is not bytes
  wal.typed({ encode: () => "text", decode: () => 1 });

  expectTypeOf(wal.typed<Order>(new Packr())).toEqualTypeOf<TypedWal<Order>>();
  expectTypeOf(wal.typed<Order>(new Encoder())).toEqualTypeOf<TypedWal<Order>>();
  expectTypeOf(wal.typed(json<Order>())).toEqualTypeOf<TypedWal<Order>>();
  expectTypeOf(wal.typed(batch(codec))).toEqualTypeOf<TypedWal<readonly Order[]>>();
  expectTypeOf(compressed(codec)).toEqualTypeOf<Codec<Order>>();
  expectTypeOf(encrypted(codec, new Uint8Array(32))).toEqualTypeOf<Codec<Order>>();

  expectTypeOf(validated(z.object({ id: z.number() }), json())).toEqualTypeOf<Codec<{ id: number }>>();
  expectTypeOf(validated(v.object({ id: v.number() }), json())).toEqualTypeOf<Codec<{ id: number }>>();
  expectTypeOf(validated(type({ id: "number" }), new Packr())).toEqualTypeOf<Codec<{ id: number }>>();
  const later = z.object({ id: z.number(), currency: z.string().default("EUR") });
  expectTypeOf(validated(later, json())).toEqualTypeOf<Codec<{ id: number; currency: string }>>();
  const dates = z.string().transform((text) => new Date(text));
  // @ts-expect-error: what this schema returns is not what it takes, and could not be read again
  validated(dates, json());
  // @ts-expect-error: this codec is not for what the schema takes
  validated(z.object({ id: z.number() }), json<{ name: string }>());
}

test("a typed log is typed by its codec, through every call", () => {
  expectTypeOf(types).returns.toEqualTypeOf<void>();
});
