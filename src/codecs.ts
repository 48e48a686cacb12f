export { batch } from "./codec/batch.ts";
export { compressed, type CompressionOptions } from "./codec/compressed.ts";
export { encrypted, type EncryptionOptions } from "./codec/encrypted.ts";
export { json } from "./codec/json.ts";
export type { SchemaIssue, SchemaResult, StandardSchema } from "./codec/standard-schema.ts";
export { validated } from "./codec/validated.ts";
