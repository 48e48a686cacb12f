/** What the types say of values, for those who write against them. */
import { test } from "node:test";
import { expectTypeOf } from "expect-type";
import type { Codec } from "wal-db";
import {
  array,
  bool,
  bytes,
  decode,
  deprecated,
  encode,
  enumeration,
  f32,
  f64,
  i128,
  i16,
  i32,
  i64,
  i8,
  isize,
  lazy,
  limited,
  map,
  option,
  peekVersion,
  PackIoError,
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
  type Infer,
  type PackCodec,
  type PackIoErrorKind,
} from "wal-db/pack-io";

test("plain types: up to 32 bits a number, beyond a bigint", () => {
  expectTypeOf<Infer<typeof u8>>().toEqualTypeOf<number>();
  expectTypeOf<Infer<typeof f64>>().toEqualTypeOf<number>();
  expectTypeOf<Infer<typeof u64>>().toEqualTypeOf<bigint>();
  expectTypeOf<Infer<typeof i128>>().toEqualTypeOf<bigint>();
  expectTypeOf<Infer<typeof bool>>().toEqualTypeOf<boolean>();
  expectTypeOf<Infer<typeof string>>().toEqualTypeOf<string>();
  expectTypeOf<Infer<typeof bytes>>().toEqualTypeOf<Uint8Array>();
  expectTypeOf<Infer<typeof unit>>().toEqualTypeOf<undefined>();
});

test("composed types", () => {
  expectTypeOf(vec(u8)).toEqualTypeOf<PackCodec<number[]>>();
  expectTypeOf(array(string, 2)).toEqualTypeOf<PackCodec<string[]>>();
  expectTypeOf(option(u64)).toEqualTypeOf<PackCodec<bigint | null>>();
  expectTypeOf(result(u8, string)).toEqualTypeOf<PackCodec<{ ok: number } | { err: string }>>();
  expectTypeOf(map(string, u64)).toEqualTypeOf<PackCodec<Map<string, bigint>>>();
  expectTypeOf(set(string)).toEqualTypeOf<PackCodec<Set<string>>>();
  expectTypeOf<Infer<ReturnType<typeof pair>>>().toEqualTypeOf<[number, string]>();
});

function pair(): ReturnType<typeof tuple<[number, string]>> {
  return tuple(u8, string);
}

test("a nested schema says its values", () => {
  const event = enumeration({
    Quit: unit,
    Move: struct({ x: i32, y: i32 }),
    Say: tuple(string, option(u8)),
  });
  type Event = Infer<typeof event>;
  expectTypeOf<Event>().toEqualTypeOf<
    | { tag: "Quit"; value?: undefined }
    | { tag: "Move"; value: { x: number; y: number } }
    | { tag: "Say"; value: [string, number | null] }
  >();
  expectTypeOf<{ tag: "Quit" }>().toExtend<Event>();
  const order = struct({
    id: u64,
    items: vec(struct({ price: u32, seen: set(string), by: map(u64, bytes) })),
    last: option(event),
  });
  expectTypeOf<Infer<typeof order>>().toEqualTypeOf<{
    id: bigint;
    items: { price: number; seen: Set<string>; by: Map<bigint, Uint8Array> }[];
    last: Event | null;
  }>();
});

test("a versioned struct has all its fields, and fallbacks of their types", () => {
  const note = versioned(3, {
    id: u64,
    old: deprecated(3, u32, 0),
    text: since(2, option(string), null),
    both: deprecated(3, since(2, vec(u8), []), [1]),
  });
  expectTypeOf<Infer<typeof note>>().toEqualTypeOf<{
    id: bigint;
    old: number;
    text: string | null;
    both: number[];
  }>();
  // @ts-expect-error: a string is no fallback of a number
  since(2, u32, "0");
  // @ts-expect-error: nor of a list of them
  deprecated(2, vec(u32), ["0"]);
});

test("a schema that contains itself is told its type", () => {
  interface Tree {
    value: number;
    children: Tree[];
  }
  const tree: Codec<Tree> = struct({ value: u8, children: vec(lazy(() => tree)) });
  expectTypeOf<Infer<typeof tree>>().toEqualTypeOf<Tree>();
  expectTypeOf(limited(tree, { maxDepth: 3 })).toEqualTypeOf<PackCodec<Tree>>();
  expectTypeOf(vec(tree)).toEqualTypeOf<PackCodec<Tree[]>>();
});

test("calls take and give values of the type", () => {
  expectTypeOf(encode(u64, 1n)).toEqualTypeOf<Uint8Array>();
  expectTypeOf(decode(option(string), new Uint8Array([0]))).toEqualTypeOf<string | null>();
  const user = struct({ id: u64, name: string });
  expectTypeOf(user).toExtend<Codec<{ id: bigint; name: string }>>();
  type User = typeof user;
  expectTypeOf<User["encode"]>().parameter(0).toEqualTypeOf<{ id: bigint; name: string }>();
  expectTypeOf<User["decode"]>().returns.toEqualTypeOf<{ id: bigint; name: string }>();
  expectTypeOf<PackIoError["kind"]>().toEqualTypeOf<PackIoErrorKind>();
});

test("the surface is the one that was agreed on: any codec of the module is taken wherever a Codec is", () => {
  type Agreed = {
    vec: <T>(item: Codec<T>) => Codec<T[]>;
    array: <T>(item: Codec<T>, length: number) => Codec<T[]>;
    tuple: <T extends readonly unknown[]>(...items: { [K in keyof T]: Codec<T[K]> }) => Codec<T>;
    option: <T>(item: Codec<T>) => Codec<T | null>;
    result: <T, E>(ok: Codec<T>, err: Codec<E>) => Codec<{ ok: T } | { err: E }>;
    map: <K, V>(key: Codec<K>, value: Codec<V>) => Codec<Map<K, V>>;
    set: <T>(item: Codec<T>) => Codec<Set<T>>;
    peekVersion: (bytes: Uint8Array) => number;
  };
  expectTypeOf({ vec, array, tuple, option, result, map, set, peekVersion }).toExtend<Agreed>();
  const numbers: Codec<number>[] = [u8, u16, u32, i8, i16, i32, f32, f64];
  const bigints: Codec<bigint>[] = [u64, u128, i64, i128, usize, isize];
  expectTypeOf(struct({ a: numbers[0] as Codec<number>, b: bigints[0] as Codec<bigint> })).toEqualTypeOf<
    PackCodec<{ a: number; b: bigint }>
  >();
  expectTypeOf<PackIoError>().toExtend<{
    readonly kind: PackIoErrorKind;
    readonly offset: number;
    readonly field: string;
  }>();
});
