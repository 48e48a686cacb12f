/** What a call of a codec is refused with. */
import assert from "node:assert/strict";
import { type PackCodec, PackIoError, type PackIoErrorKind } from "wal-db/pack-io";

export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

export function refused(call: () => unknown, kind: PackIoErrorKind, offset: number, field = ""): PackIoError {
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    assert.ok(error instanceof PackIoError, error instanceof Error ? String(error.stack) : String(error));
    assert.deepEqual([error.kind, error.offset, error.field], [kind, offset, field], error.message);
    assert.ok(error.message.includes(kind) && error.message.includes(`byte ${offset}`), error.message);
    return error;
  }
  return assert.fail(`not refused: ${String(value)}`);
}

/** @param text Bytes in hexadecimal. */
export function decodeRefused(
  codec: PackCodec<unknown>,
  text: string,
  kind: PackIoErrorKind,
  offset: number,
  field = "",
): void {
  refused(() => codec.decode(hex(text)), kind, offset, field);
}

/** Whatever the value, the types would not have it. */
export function encodeRefused(
  codec: PackCodec<unknown>,
  value: unknown,
  kind: PackIoErrorKind,
  offset = 0,
  field = "",
): void {
  refused(() => codec.encode(value), kind, offset, field);
  refused(() => codec.encodeInto(value, new Uint8Array(20_000)), kind, offset, field);
  refused(() => codec.encodedLength(value), kind, offset, field);
}
