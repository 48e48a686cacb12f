/** One of two values: a byte that says which, then the value. */
import type { Codec } from "../codec/codec.ts";
import { brief, Fault, within } from "./fault.ts";
import { codecOf, type PackCodec, partsOf } from "./pack-codec.ts";
import type { Writer } from "./writer.ts";

/**
 * Rust's `Result<T, E>`: 0 and the value, or 1 and the error.
 *
 * @throws {WalError} WAL_INVALID_ARGUMENT when one is no codec of this module.
 * @example
 * const parsed = result(u32, string);
 * console.log(parsed.decode(parsed.encode({ err: "no number" }))); // { err: 'no number' }
 */
export function result<T, E>(ok: Codec<T>, err: Codec<E>): PackCodec<{ ok: T } | { err: E }> {
  const good = partsOf(ok, "result");
  const bad = partsOf(err, "result");
  return codecOf<{ ok: T } | { err: E }>({
    write(writer, value) {
      const isOk = isOkIn(writer, value);
      writer.need(1);
      writer.bytes[writer.at++] = isOk ? 0 : 1;
      try {
        if (isOk) good.write(writer, (value as { ok: T }).ok);
        else bad.write(writer, (value as { err: E }).err);
      } catch (error) {
        throw within(error, isOk ? ".ok" : ".err");
      }
    },
    read(reader) {
      const tag = reader.byte();
      if (tag > 1) throw new Fault("InvalidTag", reader.at - 1, `${tag}, and a result begins with 0 or 1.`);
      try {
        return tag === 0 ? { ok: good.read(reader) } : { err: bad.read(reader) };
      } catch (error) {
        throw within(error, tag === 0 ? ".ok" : ".err");
      }
    },
    minBytes: () => 1,
    isCanonical: (asked) => good.isCanonical(asked) && bad.isCanonical(asked),
    isDeferred: good.isDeferred || bad.isDeferred,
  });
}

function isOkIn(writer: Writer, value: unknown): boolean {
  if (typeof value === "object" && value !== null && "ok" in value !== "err" in value) return "ok" in value;
  const given = typeof value === "object" && value !== null ? "an object with both or neither" : brief(value);
  throw new Fault("InvalidTag", writer.at, `${given}, where a result is { ok } or { err }.`);
}
