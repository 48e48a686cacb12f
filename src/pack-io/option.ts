/** A value, or none: a byte that says which, then the value. */
import type { Codec } from "../codec/codec.ts";
import { invalidArgument } from "../errors.ts";
import { Fault } from "./fault.ts";
import { codecOf, type PackCodec, partsOf } from "./pack-codec.ts";
import type { Parts } from "./parts.ts";
import type { Writer } from "./writer.ts";

/**
 * Rust's `Option<T>`: 0 for none, which is null, or 1 and the value.
 *
 * An option of an option would have one null for two values, so it is refused. `option(tuple(option(T)))` has the
 * same encoding, and tells none, `null`, from some none, `[null]`.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when `item` is no codec of this module, or null is one of its values (where
 *   `lazy` hides that, the first call throws it).
 * @example
 * const note = option(string);
 * console.log(note.encode(null), note.encode("")); // Uint8Array(1) [ 0 ] Uint8Array(2) [ 1, 0 ]
 */
export function option<T>(item: Codec<T>): PackCodec<T | null> {
  const parts = partsOf(item, "option");
  const { write, read } = parts;
  let isChecked = false;
  const check = (): void => {
    if (parts.takesNull()) throw nested();
    isChecked = true;
  };
  if (!parts.isDeferred) check();
  return codecOf<T | null>({
    write(writer, value) {
      if (!isChecked) check();
      writer.need(1);
      writer.bytes[writer.at++] = value === null ? 0 : 1;
      if (value === undefined) writeUndefined(writer, write as Parts<undefined>["write"]);
      else if (value !== null) write(writer, value);
    },
    read(reader) {
      if (!isChecked) check();
      const tag = reader.byte();
      if (tag === 0) return null;
      if (tag === 1) return read(reader);
      throw new Fault("InvalidTag", reader.at - 1, `${tag}, and an option begins with 0 or 1.`);
    },
    minBytes: () => 1,
    identity: parts.identity,
    isCanonical: parts.isCanonical,
    isDeferred: parts.isDeferred,
    takesNull: () => true,
  });
}

/** A value of a unit, or a member that was left out: who does that means none. */
function writeUndefined(writer: Writer, write: Parts<undefined>["write"]): void {
  try {
    write(writer, undefined);
  } catch (error) {
    if (error instanceof Fault) error.message += " None is null.";
    throw error;
  }
}

function nested(): Error {
  return invalidArgument(
    "An option of an option has one null for two values. option(tuple(option(...))) has the same encoding, and tells them apart.",
  );
}
