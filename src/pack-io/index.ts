/** `wal-db/pack-io`: names only. */
export { i128, i64, isize, u128, u64, usize } from "./big-integers.ts";
export { bool } from "./bool.ts";
export { enumeration, type EnumerationOf, type Variant } from "./enumeration.ts";
export { PackIoError, type PackIoErrorFacts, type PackIoErrorKind } from "./error.ts";
export { f32, f32Bits, f64, f64Bits } from "./floats.ts";
export { i16, i32, i8, u16, u32, u8 } from "./integers.ts";
export { lazy } from "./lazy.ts";
export type { PackIoLimits } from "./limits.ts";
export { map } from "./map.ts";
export { bytes } from "./octets.ts";
export { option } from "./option.ts";
export { decode, encode, type Infer, limited, type PackCodec } from "./pack-codec.ts";
export { result } from "./result.ts";
export { array, tuple, vec } from "./sequences.ts";
export { set } from "./set.ts";
export { type Fields, struct, type StructOf } from "./struct.ts";
export { string } from "./text.ts";
export { unit } from "./unit.ts";
export {
  deprecated,
  peekVersion,
  since,
  versioned,
  type VersionedField,
  type VersionedFields,
  type VersionedOf,
} from "./versioned.ts";
