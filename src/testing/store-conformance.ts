import type { WalStore } from "../index.ts";
import { type ConformanceCheck, conformanceChecks } from "./conformance-checks.ts";
import { checkConformanceOptions, checkStore } from "./option-checks.ts";
import {
  ConformanceError,
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
 * @throws {WalError} WAL_INVALID_ARGUMENT when `makeStore` is no function, there is no `test`, or an
 *   option is unknown or not of its kind. A test rejects with it where `makeStore` gives no store.
 *
 * @example
 * storeConformance(() => new MemStore(), { test });
 */
export function storeConformance(
  makeStore: (scope: ConformanceScope) => WalStore | Promise<WalStore>,
  options: StoreConformanceOptions,
): void {
  checkConformanceOptions(makeStore, options);
  const given = new WeakSet<WalStore>();
  for (const check of conformanceChecks) {
    if (!isAsked(check, options)) continue;
    const name = options.name === undefined ? check.name : `${options.name}: ${check.name}`;
    // Rest parameters: some runners hand a callback to a function that has a parameter, and wait for it.
    options.test(name, (...context) => runCheck(check, { makeStore, options, given, context }));
  }
}

function isAsked(check: ConformanceCheck, options: StoreConformanceOptions): boolean {
  if (check.needs === undefined) return true;
  if (check.needs === "farOffset") return options.farOffset !== 0;
  return options[check.needs] !== undefined;
}

/** What the checks of one suite share, and the context of one test. */
interface CheckRun {
  readonly makeStore: (scope: ConformanceScope) => WalStore | Promise<WalStore>;
  readonly options: StoreConformanceOptions;
  /** Stores that earlier checks had. */
  readonly given: WeakSet<WalStore>;
  readonly context: readonly unknown[];
}

async function runCheck(check: ConformanceCheck, run: CheckRun): Promise<void> {
  const cleanUps: (() => void | Promise<void>)[] = [];
  try {
    const store = await run.makeStore({ after: (cleanUp) => cleanUps.push(cleanUp) });
    checkStore("What makeStore gives", store);
    checkNew(store, run.given);
    const subject = new ConformanceSubject(store, run.options);
    try {
      checkEmpty(store);
      if (check.part === undefined || subject.has(check.part)) await check.run(subject);
      else skip(run.context[0], `the store offers no ${check.part}`);
    } finally {
      subject.close();
    }
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp();
  }
}

function checkNew(store: WalStore, given: WeakSet<WalStore>): void {
  if (given.has(store)) {
    throw new ConformanceError(
      "makeStore gave the store of an earlier test again: it must make a new one each time",
    );
  }
  given.add(store);
}

function checkEmpty({ length, head }: WalStore): void {
  if (length === 0 && head === 0) return;
  throw new ConformanceError(
    `makeStore gave a store that is not empty, its length ${length} and its head ${head}: ` +
      "each test needs a new one, in a place of its own",
  );
}

/** Vitest leaves the test by throwing here, node:test notes it; another runner counts it as passed. */
function skip(context: unknown, why: string): void {
  // That of Vitest is a function with properties.
  const mayHold = typeof context === "function" || (typeof context === "object" && context !== null);
  if (mayHold && "skip" in context && typeof context.skip === "function") context.skip(why);
}
