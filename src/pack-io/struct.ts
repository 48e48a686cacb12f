/** Fields by name, in the order in which they are declared; nothing between them. */
import type { Codec } from "../codec/codec.ts";
import { invalidArgument, shown } from "../errors.ts";
import { brief, Fault, segmentOf, within } from "./fault.ts";
import { codecOf, type Infer, type PackCodec, partsOf } from "./pack-codec.ts";
import { once, type Parts, sum } from "./parts.ts";
import type { Writer } from "./writer.ts";

/** Fields by name. */
export interface Fields {
  readonly [name: string]: Codec<unknown>;
}

/**
 * The values of a struct. What `struct` returns has this written out, and so have an enumeration and a versioned
 * struct: editors and errors then show the fields of a value, and not the codecs that it came from.
 */
export type StructOf<F extends Fields> = { -readonly [N in keyof F]: Infer<F[N]> };

const arrayIndex = /^(?:0|[1-9]\d*)$/;

/**
 * The names of an object in the order of declaration, which is the order of the bytes.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when JavaScript would not keep that order: names like "0" come first in it.
 */
export function namesIn(call: string, given: object): string[] {
  if (typeof given !== "object" || given === null) {
    throw invalidArgument(`${call} takes an object of codecs by name; got ${shown(given)}.`);
  }
  const names = Object.keys(given);
  const index = names.find((name) => arrayIndex.test(name));
  if (index === undefined) return names;
  throw invalidArgument(
    `${call} has a name ${JSON.stringify(index)}, and JavaScript puts such names before all others, ` +
      "whatever the order of declaration, which is the order of the bytes. Give it a name that is no number.",
  );
}

/** What a decoded value begins as: an object in which every name can simply be assigned. */
export function blankWith(names: readonly string[]): () => Record<string, unknown> {
  if (!names.includes("__proto__")) return () => ({});
  const own = { value: undefined, writable: true, enumerable: true, configurable: true };
  return () => Object.defineProperty({}, "__proto__", own);
}

export function checkObject(writer: Writer, value: unknown): void {
  if (typeof value === "object" && value !== null) return;
  throw new Fault("InvalidTag", writer.at, `${brief(value)} is no object.`);
}

/**
 * A struct: its fields in the order in which they are declared here.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when a field is no codec of this module, or its name is a whole number, which
 *   JavaScript would move to the front.
 * @example
 * const user = struct({ id: u64, name: string, tags: vec(string) });
 * type User = Infer<typeof user>;
 * const ada: User = { id: 1n, name: "Ada", tags: ["first"] };
 * console.log(user.decode(user.encode(ada)).name); // Ada
 */
export function struct<F extends Fields>(fields: F): PackCodec<{ -readonly [N in keyof F]: Infer<F[N]> }> {
  const names = namesIn("struct", fields);
  const parts = names.map((name) => partsOf(fields[name] as Codec<unknown>, `struct, at ${name},`));
  const count = names.length;
  const segments = names.map(segmentOf);
  const writes = parts.map(({ write }) => write);
  const reads = parts.map(({ read }) => read);
  const blank = blankWith(names);
  return codecOf<StructOf<F>>({
    write(writer, value) {
      checkObject(writer, value);
      let i = 0;
      try {
        for (; i < count; i++) (writes[i] as Parts<unknown>["write"])(writer, value[names[i] as keyof F]);
      } catch (error) {
        throw within(error, segments[i] as string);
      }
    },
    read(reader) {
      const value = blank();
      let i = 0;
      try {
        for (; i < count; i++) value[names[i] as string] = (reads[i] as Parts<unknown>["read"])(reader);
      } catch (error) {
        throw within(error, segments[i] as string);
      }
      return value as StructOf<F>;
    },
    minBytes: once(() => sum(parts.map((each) => each.minBytes()))),
    slots: once(() => 1 + sum(parts.map((each) => each.slots()))),
    isCanonical: (asked) => parts.every((each) => each.isCanonical(asked)),
    isDeferred: parts.some(({ isDeferred }) => isDeferred),
  });
}
