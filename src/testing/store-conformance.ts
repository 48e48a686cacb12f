import type { WalStore } from "../index.ts";
import { type ConformanceCheck, conformanceChecks } from "./conformance-checks.ts";
import {
  type ConformanceScope,
  ConformanceSubject,
  type StoreConformanceOptions,
} from "./conformance-subject.ts";

/**
 * Registers one test for each thing that the contract of `WalStore` asks of a store.
 *
 * @param makeStore Makes a new, empty store; called for each test.
 * @param options `test` is the test function of node:test, Vitest or another runner.
 *
 * @example
 * storeConformance(() => new MemStore(), { test });
 */
export function storeConformance(
  makeStore: (scope: ConformanceScope) => WalStore | Promise<WalStore>,
  options: StoreConformanceOptions,
): void {
  for (const check of conformanceChecks) {
    if (!isAsked(check, options)) continue;
    const name = options.name === undefined ? check.name : `${options.name}: ${check.name}`;
    options.test(name, () => runCheck(check, makeStore, options));
  }
}

function isAsked(check: ConformanceCheck, options: StoreConformanceOptions): boolean {
  if (check.needs === undefined) return true;
  if (check.needs === "farOffset") return options.farOffset !== 0;
  return options[check.needs] !== undefined;
}

async function runCheck(
  check: ConformanceCheck,
  makeStore: (scope: ConformanceScope) => WalStore | Promise<WalStore>,
  options: StoreConformanceOptions,
): Promise<void> {
  const cleanUps: (() => void | Promise<void>)[] = [];
  try {
    const store = await makeStore({ after: (cleanUp) => cleanUps.push(cleanUp) });
    const subject = new ConformanceSubject(store, options);
    try {
      await check.run(subject);
    } finally {
      subject.close();
    }
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp();
  }
}
