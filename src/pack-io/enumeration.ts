/** One of several variants: its index, in the order of declaration, then its value. */
import type { Codec } from "../codec/codec.ts";
import { invalidArgument } from "../errors.ts";
import { brief, Fault, within } from "./fault.ts";
import { codecOf, type Infer, type PackCodec, partsOf } from "./pack-codec.ts";
import type { Parts } from "./parts.ts";
import { checkObject, type Fields, namesIn } from "./struct.ts";
import { unit } from "./unit.ts";
import { readLength, writeU32 } from "./varint.ts";

/** One variant: its name as `tag`, and its `value`, which a unit need not have. */
export type Variant<N, T> = [T] extends [undefined] ? { tag: N; value?: undefined } : { tag: N; value: T };

/** The values of an enumeration: a union that `tag` discriminates. */
export type EnumerationOf<V extends Fields> = { [N in keyof V]: Variant<N, Infer<V[N]>> }[keyof V];

interface Member {
  readonly index: number;
  readonly tag: string;
  readonly parts: Parts<unknown>;
  readonly isUnit: boolean;
}

/**
 * Rust's `enum`: the index of the variant as a varint, then its value. A variant with fields is a struct or a tuple; one
 * without is a `unit`, and decodes to its tag alone. New variants go to the end.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when there are no variants, one is no codec of this module, or its name is a whole
 *   number, which JavaScript would move to the front.
 * @example
 * const event = enumeration({ Quit: unit, Move: struct({ x: i32, y: i32 }), Say: string });
 * console.log(event.encode({ tag: "Quit" })); // Uint8Array(1) [ 0 ]
 * const seen = event.decode(new Uint8Array([1, 2, 3]));
 * if (seen.tag === "Move") console.log(seen.value.x, seen.value.y); // 1 -2
 */
export function enumeration<V extends Fields>(
  variants: V,
): PackCodec<{ [N in keyof V]: Variant<N, Infer<V[N]>> }[keyof V]> {
  const members = namesIn("enumeration", variants).map((tag, index): Member => {
    const codec = variants[tag] as Codec<unknown>;
    const parts = partsOf(codec, `enumeration, at ${tag},`);
    return { index, tag, parts, isUnit: codec === (unit as Codec<unknown>) };
  });
  if (members.length === 0) throw invalidArgument("An enumeration has at least one variant.");
  const byTag = new Map(members.map((member) => [member.tag, member]));
  return codecOf<{ tag: unknown; value?: unknown }>({
    write(writer, value) {
      checkObject(writer, value);
      const member = byTag.get(value.tag as string);
      if (member === undefined) {
        throw new Fault("UnknownVariant", writer.at, `there is no variant ${brief(value.tag)}.`);
      }
      writeU32(writer, member.index);
      try {
        member.parts.write(writer, value.value);
      } catch (error) {
        throw within(error, ".value");
      }
    },
    read(reader) {
      const from = reader.at;
      const index = readLength(reader);
      const member = members[index];
      if (member === undefined) {
        const most = members.length - 1;
        throw new Fault("UnknownVariant", from, `a variant ${index}, and the last one known is ${most}.`);
      }
      const { tag } = member;
      if (member.isUnit) return { tag };
      try {
        return { tag, value: member.parts.read(reader) };
      } catch (error) {
        throw within(error, ".value");
      }
    },
    minBytes: () => 1,
    isCanonical: (asked) => members.every(({ parts }) => parts.isCanonical(asked)),
    isDeferred: members.some(({ parts }) => parts.isDeferred),
  }) as PackCodec<EnumerationOf<V>>;
}
