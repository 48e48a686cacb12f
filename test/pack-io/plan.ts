/**
 * A type of pack-io as data, and what can be made of it: the codec, values of it, and their bytes by the plainest
 * way there is, which shares nothing with the library. So random types can be held against the format.
 */
import * as fc from "fast-check";
import type { Codec } from "wal-db";
import * as pack from "wal-db/pack-io";

const plainKinds = [
  "u8",
  "u16",
  "u32",
  "u64",
  "u128",
  "usize",
  "i8",
  "i16",
  "i32",
  "i64",
  "i128",
  "isize",
  "bool",
  "f32",
  "f64",
  "string",
  "bytes",
  "unit",
] as const;
type PlainKind = (typeof plainKinds)[number];

const plainCodecs: Readonly<Record<PlainKind, pack.PackCodec<unknown>>> = {
  u8: pack.u8,
  u16: pack.u16,
  u32: pack.u32,
  u64: pack.u64,
  u128: pack.u128,
  usize: pack.usize,
  i8: pack.i8,
  i16: pack.i16,
  i32: pack.i32,
  i64: pack.i64,
  i128: pack.i128,
  isize: pack.isize,
  bool: pack.bool,
  f32: pack.f32,
  f64: pack.f64,
  string: pack.string,
  bytes: pack.bytes,
  unit: pack.unit,
};

export interface PlanField {
  readonly name: string;
  readonly plan: Plan;
  readonly since: number;
  readonly until: number | null;
}

export type Plan =
  | { readonly kind: PlainKind }
  | { readonly kind: "vec" | "option" | "set"; readonly item: Plan }
  | { readonly kind: "array"; readonly item: Plan; readonly length: number }
  | { readonly kind: "tuple"; readonly items: readonly Plan[] }
  | { readonly kind: "result" | "map"; readonly first: Plan; readonly second: Plan }
  | { readonly kind: "struct" | "enumeration"; readonly fields: readonly PlanField[] }
  | { readonly kind: "versioned"; readonly version: number; readonly fields: readonly PlanField[] };

const names = ["id", "at", "name", "count", "__proto__", "constructor", "a b", "Z", "ünï"];
const versionNow = 3;

const field = (plan: fc.Arbitrary<Plan>): fc.Arbitrary<PlanField> =>
  fc.record({
    name: fc.constantFrom(...names),
    plan,
    since: fc.constantFrom(1, 1, 2, 3),
    until: fc.constantFrom(null, null, 4, 5),
  });

/** Types of every kind, small ones first. `only` leaves out what a Map's key cannot be told apart by: floats. */
function plansOf(depth: number, isKey: boolean): fc.Arbitrary<Plan> {
  const kinds = isKey ? plainKinds.filter((kind) => kind !== "f32" && kind !== "f64") : plainKinds;
  const plain: fc.Arbitrary<Plan> = fc.constantFrom(...kinds).map((kind): Plan => ({ kind }));
  if (depth === 0) return plain;
  const inner = plansOf(depth - 1, isKey);
  const key = plansOf(Math.min(depth - 1, 1), true);
  const fields = fc.uniqueArray(field(inner), { maxLength: 5, selector: ({ name }) => name });
  const composite: fc.Arbitrary<Plan>[] = [
    fc.record({ kind: fc.constantFrom("vec" as const, "option" as const), item: inner }),
    fc.record({ kind: fc.constant("array" as const), item: inner, length: fc.nat(3) }),
    fc.record({ kind: fc.constant("tuple" as const), items: fc.array(inner, { maxLength: 4 }) }),
    fc.record({ kind: fc.constant("result" as const), first: inner, second: inner }),
    fc.record({ kind: fc.constant("struct" as const), fields }),
    fc.record({ kind: fc.constant("enumeration" as const), fields }).filter((plan) => plan.fields.length > 0),
    fc.record({ kind: fc.constant("versioned" as const), version: fc.constant(versionNow), fields }),
    fc.record({ kind: fc.constant("set" as const), item: key }),
    fc.record({ kind: fc.constant("map" as const), first: key, second: inner }),
  ];
  return fc
    .oneof({ weight: 2, arbitrary: plain }, ...composite.map((arbitrary) => ({ weight: 1, arbitrary })))
    .filter((plan) => plan.kind !== "option" || plan.item.kind !== "option");
}

export const plans: fc.Arbitrary<Plan> = plansOf(3, false);

function byName<T>(fields: readonly PlanField[], make: (field: PlanField) => T): Record<string, T> {
  return Object.fromEntries(fields.map((each) => [each.name, make(each)]));
}

export function codecOf(plan: Plan): pack.PackCodec<unknown> {
  switch (plan.kind) {
    case "vec":
      return pack.vec(codecOf(plan.item)) as pack.PackCodec<unknown>;
    case "option":
      return pack.option(codecOf(plan.item));
    case "set":
      return pack.set(codecOf(plan.item)) as pack.PackCodec<unknown>;
    case "array":
      return pack.array(codecOf(plan.item), plan.length) as pack.PackCodec<unknown>;
    case "tuple":
      return pack.tuple(...plan.items.map(codecOf)) as pack.PackCodec<unknown>;
    case "result":
      return pack.result(codecOf(plan.first), codecOf(plan.second)) as pack.PackCodec<unknown>;
    case "map":
      return pack.map(codecOf(plan.first), codecOf(plan.second)) as pack.PackCodec<unknown>;
    case "struct":
      return pack.struct(byName(plan.fields, (each) => codecOf(each.plan))) as pack.PackCodec<unknown>;
    case "enumeration":
      return pack.enumeration(byName(plan.fields, (each) => codecOf(each.plan))) as pack.PackCodec<unknown>;
    case "versioned":
      return pack.versioned(plan.version, byName(plan.fields, versionedField)) as pack.PackCodec<unknown>;
    default:
      return plainCodecs[plan.kind];
  }
}

function versionedField(given: PlanField): Codec<unknown> | pack.VersionedField<unknown> {
  const codec = codecOf(given.plan);
  const fallback = fallbackOf(given.plan);
  const added = given.since > 1 ? pack.since(given.since, codec, fallback) : codec;
  return given.until === null ? added : pack.deprecated(given.until, added, fallback);
}

/** Some value of the type, always the same. */
function fallbackOf(plan: Plan): unknown {
  return fc.sample(valuesOf(plan), { seed: 7, numRuns: 1 })[0];
}

const bigs = (bits: number, isSigned: boolean): fc.Arbitrary<bigint> => {
  const min = isSigned ? -(2n ** BigInt(bits - 1)) : 0n;
  const max = isSigned ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n;
  return fc.oneof(
    fc.bigInt({ min, max }),
    fc.bigInt({ min: isSigned ? -100n : 0n, max: 100n }),
    fc.constantFrom(min, max),
  );
};
const ints = (bits: number, isSigned: boolean): fc.Arbitrary<number> => bigs(bits, isSigned).map(Number);
const texts = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 50 }),
  fc.string({ minLength: 30, maxLength: 300 }),
  fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.repeat(6)),
);

const plainValues: Readonly<Record<PlainKind, fc.Arbitrary<unknown>>> = {
  u8: ints(8, false),
  u16: ints(16, false),
  u32: ints(32, false),
  u64: bigs(64, false),
  u128: bigs(128, false),
  usize: bigs(64, false),
  i8: ints(8, true),
  i16: ints(16, true),
  i32: ints(32, true),
  i64: bigs(64, true),
  i128: bigs(128, true),
  isize: bigs(64, true),
  bool: fc.boolean(),
  f32: fc.float(),
  f64: fc.double(),
  string: texts,
  bytes: fc.uint8Array({ maxLength: 200 }),
  unit: fc.constant(undefined),
};

export function valuesOf(plan: Plan): fc.Arbitrary<unknown> {
  switch (plan.kind) {
    case "vec":
      return fc.array(valuesOf(plan.item), { maxLength: 5 });
    case "option":
      return fc.option(valuesOf(plan.item), { nil: null });
    case "array":
      return fc.array(valuesOf(plan.item), { minLength: plan.length, maxLength: plan.length });
    case "tuple":
      return fc.tuple(...plan.items.map(valuesOf));
    case "result":
      return fc.oneof(
        valuesOf(plan.first).map((ok) => ({ ok })),
        valuesOf(plan.second).map((err) => ({ err })),
      );
    case "set":
      return distinct(plan.item, valuesOf(plan.item), (each) => each).map((items) => new Set(items));
    case "map":
      return distinct(plan.first, fc.tuple(valuesOf(plan.first), valuesOf(plan.second)), ([key]) => key).map(
        (entries) => new Map(entries),
      );
    case "struct":
    case "versioned":
      return fieldValues(plan.fields);
    case "enumeration":
      return fc.oneof(
        ...plan.fields.map(({ name, plan: variant }) =>
          variant.kind === "unit"
            ? fc.constant({ tag: name })
            : valuesOf(variant).map((value) => ({ tag: name, value })),
        ),
      );
    default:
      return plainValues[plan.kind];
  }
}

function distinct<T>(plan: Plan, values: fc.Arbitrary<T>, keyOf: (value: T) => unknown): fc.Arbitrary<T[]> {
  return fc.uniqueArray(values, {
    maxLength: 5,
    selector: (value) => String(plainBytes(plan, keyOf(value))),
  });
}

function fieldValues(fields: readonly PlanField[]): fc.Arbitrary<unknown> {
  return fc.tuple(...fields.map((each) => valuesOf(each.plan))).map((values) => {
    const value = {};
    fields.forEach(({ name }, i) =>
      Object.defineProperty(value, name, {
        value: values[i],
        writable: true,
        enumerable: true,
        configurable: true,
      }),
    );
    return value;
  });
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest /= 128n) bytes.push(Number(rest % 128n) + 128);
  return [...bytes, Number(rest)];
}

const count = (length: number): number[] => varint(BigInt(length));

function plainInteger(value: bigint, isSigned: boolean): number[] {
  return varint(isSigned ? (value < 0n ? -2n * value - 1n : 2n * value) : value);
}

function byteOrder(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((byte, i) => byte !== other[i]);
  return at < 0 ? one.length - other.length : (one[at] as number) - (other[at] ?? -1);
}

/** The bytes of a value, as the document has them. */
export function plainBytes(plan: Plan, value: unknown): number[] {
  const fields = (all: readonly PlanField[]): number[] =>
    all.flatMap((each) => plainBytes(each.plan, (value as Record<string, unknown>)[each.name]));
  switch (plan.kind) {
    case "u8":
    case "i8":
      return [(value as number) & 0xff];
    case "bool":
      return [value === true ? 1 : 0];
    case "unit":
      return [];
    case "f32":
      return [...new Uint8Array(new Float32Array([value as number]).buffer)];
    case "f64":
      return [...new Uint8Array(new Float64Array([value as number]).buffer)];
    case "string": {
      const utf8 = [...Buffer.from(value as string)];
      return [...count(utf8.length), ...utf8];
    }
    case "bytes":
      return [...count((value as Uint8Array).length), ...(value as Uint8Array)];
    case "vec":
      return [
        ...count((value as unknown[]).length),
        ...(value as unknown[]).flatMap((each) => plainBytes(plan.item, each)),
      ];
    case "array":
      return (value as unknown[]).flatMap((each) => plainBytes(plan.item, each));
    case "tuple":
      return plan.items.flatMap((item, i) => plainBytes(item, (value as unknown[])[i]));
    case "option":
      return value === null ? [0] : [1, ...plainBytes(plan.item, value)];
    case "result": {
      const either = value as { ok: unknown } | { err: unknown };
      return "ok" in either
        ? [0, ...plainBytes(plan.first, either.ok)]
        : [1, ...plainBytes(plan.second, either.err)];
    }
    case "set": {
      const items = Array.from(value as Set<unknown>, (each) => plainBytes(plan.item, each));
      return [...count(items.length), ...items.toSorted(byteOrder).flat()];
    }
    case "map": {
      const entries = Array.from(value as Map<unknown, unknown>, ([key, each]) => [
        plainBytes(plan.first, key),
        plainBytes(plan.second, each),
      ]);
      const sorted = entries.toSorted(([one = []], [other = []]) => byteOrder(one, other));
      return [...count(entries.length), ...sorted.flat(2)];
    }
    case "struct":
      return fields(plan.fields);
    case "versioned": {
      const { version } = plan;
      const live = plan.fields.filter(({ since, until }) => since <= version && version < (until ?? 99));
      const body = fields(live);
      return [...count(version), ...count(body.length), ...body];
    }
    case "enumeration": {
      const { tag, value: inner } = value as { tag: string; value: unknown };
      const index = plan.fields.findIndex(({ name }) => name === tag);
      return [...count(index), ...plainBytes((plan.fields[index] as PlanField).plan, inner)];
    }
    default:
      return plainInteger(BigInt(value as number | bigint), plan.kind.startsWith("i"));
  }
}
