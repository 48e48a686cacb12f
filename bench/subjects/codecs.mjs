/**
 * Codecs: a struct of eight mixed fields, as wal-db/pack-io, msgpackr and JSON have it. Each gives back the value that it
 * took: what JSON has no word for, a bigint and bytes, it says in text.
 */
import { isDeepStrictEqual } from "node:util";

/** So many different values that no codec sees the same one each time. */
const valuesCount = 64;

export function mixedValues() {
  return Array.from({ length: valuesCount }, (_, i) => ({
    id: i * 7919,
    at: BigInt(1_700_000_000_000 + i * 977),
    name: `customer ${i} of many`,
    active: i % 2 === 0,
    score: i * 1.25,
    note: i % 3 === 0 ? null : `note ${i}`,
    tags: [i, 300 + i, 65_535 - i],
    payload: Uint8Array.from({ length: 32 }, (_, n) => n * i),
  }));
}

/** A subject that has shown that it gives back what it takes. */
function checked(codec) {
  for (const value of mixedValues()) {
    // msgpackr gives bytes as a Buffer.
    const back = codec.decode(Uint8Array.from(codec.encode(value)));
    if (!isDeepStrictEqual({ ...back, payload: Uint8Array.from(back.payload) }, value)) {
      throw new Error("the codec does not give back what it takes");
    }
  }
  return codec;
}

async function packIoSchema() {
  const { bool, bytes, f64, option, string, struct, u16, u32, u64, vec } = await import(
    new URL("../../dist/pack-io/index.js", import.meta.url)
  );
  return struct({
    id: u32,
    at: u64,
    name: string,
    active: bool,
    score: f64,
    note: option(string),
    tags: vec(u16),
    payload: bytes,
  });
}

export async function packIoSubject() {
  return checked(await packIoSchema());
}

/** As a typed log uses it: into memory that is there, which nobody else holds. */
export async function packIoIntoSubject() {
  const schema = await packIoSchema();
  const frame = new Uint8Array(4096);
  checked(schema);
  return {
    encode: (value) => ({ length: schema.encodeInto(value, frame) }),
    decode: (bytes) => schema.decode(bytes),
  };
}

export async function msgpackrSubject() {
  const { Packr } = await import("msgpackr");
  return checked(new Packr({ structures: [], int64AsType: "bigint" }));
}

function jsonOf({ at, payload, ...rest }) {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  return JSON.stringify({ ...rest, at: String(at), payload: bytes.toString("base64") });
}

export function jsonSubject() {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  return checked({
    encode: (value) => encoder.encode(jsonOf(value)),
    decode(bytes) {
      const value = JSON.parse(decoder.decode(bytes));
      value.at = BigInt(value.at);
      value.payload = new Uint8Array(Buffer.from(value.payload, "base64"));
      return value;
    },
  });
}
