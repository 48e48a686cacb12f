/**
 * Every bug that is put into the library on purpose, to see that the suite finds it. Those of the
 * protocol of many threads stand in test/model/seeded-bugs.ts: they are found by a search.
 */
import { inCodec } from "./in-codec.ts";
import { inCommit } from "./in-commit.ts";
import { inPackIo } from "./in-pack-io.ts";
import { inDiagnostics } from "./in-diagnostics.ts";
import { inReading } from "./in-reading.ts";
import { inRecord } from "./in-record.ts";
import { inRecovery } from "./in-recovery.ts";
import { inStore } from "./in-store.ts";
import { inTruncation } from "./in-truncation.ts";
import type { Mutation } from "./mutation.ts";

export const mutations: readonly Mutation[] = [
  ...inRecord,
  ...inCommit,
  ...inRecovery,
  ...inTruncation,
  ...inStore,
  ...inReading,
  ...inPackIo,
  ...inCodec,
  ...inDiagnostics,
];

export function mutationNamed(name: string): Mutation {
  const found = mutations.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no mutation is called "${name}"`);
  return found;
}
