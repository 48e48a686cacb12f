/** Bytes: a length, then the bytes. */
import { brief, Fault } from "./fault.ts";
import { codecOf, type PackCodec } from "./pack-codec.ts";
import { trueLength } from "../true-bytes.ts";
import { copyOf } from "./whole.ts";
import type { Writer } from "./writer.ts";

const nothing = new Uint8Array(0);

/** How many there are, whatever their class says: what it says beyond that would be bytes of other values. */
function lengthOf(writer: Writer, value: Uint8Array): number {
  try {
    const length = trueLength(value);
    // Those whose buffer was transferred have none either, and cannot be copied.
    if (length === 0) nothing.set(value);
    return length;
  } catch {
    throw new Fault("InvalidLength", writer.at, "the bytes are gone: transferred, or behind a proxy.");
  }
}

/** Rust's `Vec<u8>`: the length as a varint, then the bytes. What is decoded is a copy. */
export const bytes: PackCodec<Uint8Array> = codecOf<Uint8Array>({
  write(writer, value) {
    if (!(value instanceof Uint8Array)) {
      throw new Fault("InvalidLength", writer.at, `${brief(value)} is no Uint8Array.`);
    }
    const length = lengthOf(writer, value);
    writer.putLength(length);
    writer.need(length);
    const { bytes: into, at } = writer;
    if (length <= 32) for (let i = 0; i < length; i++) into[at + i] = value[i] as number;
    else into.set(value, at);
    writer.at = at + length;
  },
  read(reader) {
    const length = reader.takeLength();
    const from = reader.at;
    reader.at = from + length;
    return copyOf(reader.bytes, from, from + length);
  },
  minBytes: () => 1,
});
