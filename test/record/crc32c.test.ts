import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "wal-db";
test("check value", () => {
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});
