/**
 * What users give to the tools of this room, checked: a misspelt option, or a fault that can never
 * strike, would make a test pass that has tested nothing.
 */
import { WalError, type WalStore } from "../index.ts";
import type { StoreConformanceOptions, StorePart } from "./conformance-subject.ts";
import type { CrashOptions } from "./crash-options.ts";
import type { DiskCallKind, DiskEffect, DiskFault } from "./disk-fault.ts";
import type { StoreCallKind, StoreEffect, StoreFault } from "./fault-store.ts";
import type { SimulatedDiskOptions } from "./simulated-disk.ts";

/** What one option must be; those that may be left out are not asked when they are. */
interface Rule {
  readonly is: string;
  readonly required?: boolean;
  allows(value: unknown): boolean;
}

type Rules<T> = { readonly [K in keyof Required<T>]: Rule };
type Effects<Call extends string, Effect extends { readonly kind: string }> = Readonly<
  Record<Call, readonly Effect["kind"][]>
>;

const whole = (from: number, to: number = Number.MAX_SAFE_INTEGER): Rule => ({
  is: `a whole number from ${from} ${to === Number.MAX_SAFE_INTEGER ? "on" : `to ${to}`}`,
  allows: (value) => Number.isSafeInteger(value) && (value as number) >= from && (value as number) <= to,
});
const orInfinity = (rule: Rule): Rule => ({
  is: `${rule.is}, or Infinity`,
  allows: (value) => value === Number.POSITIVE_INFINITY || rule.allows(value),
});
const oneOf = (...allowed: readonly string[]): Rule => ({
  is: `one of ${listed(allowed)}`,
  allows: (value) => typeof value === "string" && allowed.includes(value),
});
const required = (rule: Rule): Rule => ({ ...rule, required: true });
const isFunction: Rule = { is: "a function", allows: (value) => typeof value === "function" };
const isBoolean: Rule = { is: "true or false", allows: (value) => typeof value === "boolean" };
const isText: Rule = { is: "a string", allows: (value) => typeof value === "string" };
const isObject: Rule = { is: "an object", allows: (value) => typeof value === "object" && value !== null };
const isInteger: Rule = { is: "a whole number", allows: (value) => Number.isSafeInteger(value) };
const isErrno: Rule = {
  is: 'the code of a system error, such as "EIO"',
  allows: (value) => typeof value === "string" && value !== "",
};

const effectsOfStore: Effects<StoreCallKind, StoreEffect> = {
  writeAt: ["fail", "short"],
  readAt: ["fail", "short", "delay"],
  truncate: ["fail"],
  truncateBefore: ["fail"],
  flush: ["fail", "delay"],
  close: ["fail"],
};

const effectsOfDisk: Effects<DiskCallKind, DiskEffect> = {
  stat: ["fail"],
  list: ["fail"],
  open: ["fail"],
  create: ["fail"],
  close: ["fail"],
  read: ["fail", "short"],
  write: ["fail", "short", "lost", "misdirected"],
  truncate: ["fail"],
  flush: ["fail", "lie"],
  flushDirectory: ["fail", "lie"],
  lock: ["fail"],
  rename: ["fail"],
  remove: ["fail"],
  makeDirectory: ["fail"],
  removeDirectory: ["fail"],
};

const storeParts: readonly string[] = ["readAhead", "mark", "lock", "quarantine"] satisfies StorePart[];

type Fields<Effect extends { readonly kind: string }> = {
  readonly [K in Effect["kind"]]: Rules<Omit<Extract<Effect, { readonly kind: K }>, "kind">>;
};

const fieldsOfStore: Fields<StoreEffect> = {
  fail: { errno: required(isErrno) },
  short: { most: required(whole(0)), errno: isErrno },
  delay: { turns: required(whole(0)) },
};

const fieldsOfDisk: Fields<DiskEffect> = {
  fail: { errno: required(isErrno), pages: oneOf("clean", "dirty") },
  short: { most: required(whole(0)) },
  lost: {},
  misdirected: { by: required(isInteger) },
  lie: {},
};

const crashRules: Rules<CrashOptions> = {
  keep: oneOf("some", "none", "all"),
  tear: oneOf("sector", "byte", "never"),
  names: oneOf("prefix", "any"),
  order: oneOf("made", "any"),
  room: oneOf("zeros", "remains"),
  chooser: {
    is: "an object with a method next",
    allows: (value) => isObject.allows(value) && isFunction.allows((value as { next?: unknown }).next),
  },
};

const diskRules: Rules<SimulatedDiskOptions> = {
  seed: isInteger,
  files: {
    is: "an object of Uint8Arrays by absolute path",
    allows: (value) =>
      isObject.allows(value) &&
      Object.entries(value as object).every(
        ([path, bytes]) => isAbsolute(path) && bytes instanceof Uint8Array,
      ),
  },
  directories: {
    is: "an array of absolute paths",
    allows: (value) => Array.isArray(value) && value.every(isAbsolute),
  },
  capacity: orInfinity(whole(0)),
  flushTurns: whole(0),
};

const suiteRules: Rules<StoreConformanceOptions> = {
  test: required({
    ...isFunction,
    is: "the test function of your runner, storeConformance(makeStore, { test })",
  }),
  name: isText,
  reopen: isFunction,
  failFlush: isFunction,
  growBytes: whole(1),
  farOffset: whole(0),
  expect: {
    is: `an array of ${listed(storeParts)}`,
    allows: (value) => Array.isArray(value) && value.every((part) => storeParts.includes(part)),
  },
  seed: isInteger,
  settleMilliseconds: whole(1),
};

/** @throws {WalError} WAL_INVALID_ARGUMENT */
export function checkStoreFault(fault: StoreFault): void {
  checkFault("FaultStore.inject", fault, effectsOfStore, fieldsOfStore, {});
}

/** @throws {WalError} WAL_INVALID_ARGUMENT */
export function checkDiskFault(fault: DiskFault): void {
  checkFault("SimulatedDisk.inject", fault, effectsOfDisk, fieldsOfDisk, { path: isText });
}

/** @throws {WalError} WAL_INVALID_ARGUMENT */
export function checkCrashOptions(options: CrashOptions): void {
  checkAll("crash", options, crashRules);
}

/** @throws {WalError} WAL_INVALID_ARGUMENT */
export function checkDiskOptions(options: SimulatedDiskOptions): void {
  checkAll("new SimulatedDisk", options, diskRules);
}

/** @throws {WalError} WAL_INVALID_ARGUMENT */
export function checkStop(nth: number, halfway: boolean): void {
  checkAll("stopAt", { nth, halfway }, { nth: required(whole(1)), halfway: isBoolean });
}

/** @throws {WalError} WAL_INVALID_ARGUMENT */
export function checkRot(
  offset: number,
  options: { readonly bit?: number | undefined; readonly cached?: boolean | undefined },
): void {
  checkAll("rot", { offset }, { offset: required(whole(0)) });
  checkAll("rot", options, { bit: whole(0, 7), cached: isBoolean });
}

/** @throws {WalError} WAL_INVALID_ARGUMENT */
export function checkConformanceOptions(makeStore: unknown, options: StoreConformanceOptions): void {
  if (typeof makeStore !== "function") {
    throw invalid(
      `storeConformance takes a function that makes a store, () => new MyStore(); got ${shown(makeStore)}.`,
    );
  }
  checkAll("storeConformance", options, suiteRules);
}

/** @throws {WalError} WAL_INVALID_ARGUMENT */
export function checkStore(call: string, store: unknown): asserts store is WalStore {
  const missing = ["writeAt", "readAt", "truncate", "truncateBefore", "flush", "flushBlocking", "close"].find(
    (method) => !isObject.allows(store) || typeof (store as Record<string, unknown>)[method] !== "function",
  );
  if (missing === undefined) return;
  const found = isObject.allows(store) ? `an object without a method ${missing}` : shown(store);
  throw invalid(`${call} is a WalStore; got ${found}.`);
}

function checkFault<Call extends string, Effect extends { readonly kind: string }>(
  call: string,
  fault: { readonly call: Call; readonly effect: Effect },
  effects: Effects<Call, Effect>,
  fields: Fields<Effect>,
  more: Readonly<Record<string, Rule>>,
): void {
  const rules = {
    call: required(oneOf(...Object.keys(effects))),
    nth: whole(1),
    times: orInfinity(whole(1)),
    effect: required(isObject),
    ...more,
  };
  checkAll(call, fault, rules);
  const kind: Effect["kind"] = fault.effect.kind;
  const possible = effects[fault.call];
  if (!possible.includes(kind)) {
    throw invalid(
      `${call}: a fault of ${fault.call} has an effect of kind ${listed(possible)}; got ${shown(kind)}, ` +
        "which could never strike.",
    );
  }
  checkAll(`the effect ${kind}`, fault.effect, { kind: isText, ...fields[kind] });
}

function checkAll(call: string, given: unknown, rules: Readonly<Record<string, Rule>>): void {
  const known = Object.keys(rules);
  if (!isObject.allows(given) || Array.isArray(given)) {
    throw invalid(`${call} takes an object, with ${known.join(", ")}; got ${shown(given)}.`);
  }
  const values = given as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(values)) {
    if (!known.includes(key)) {
      throw invalid(`${call} has no option ${JSON.stringify(key)}. There are: ${known.join(", ")}.`);
    }
  }
  for (const [key, rule] of Object.entries(rules)) {
    const value = values[key];
    if ((value === undefined && rule.required !== true) || rule.allows(value)) continue;
    throw invalid(`${key} of ${call} is ${rule.is}; got ${shown(value)}.`);
  }
}

function isAbsolute(path: unknown): boolean {
  return typeof path === "string" && path.startsWith("/");
}

function listed(words: readonly string[]): string {
  return words.map((word) => JSON.stringify(word)).join(", ");
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value !== "object") return String(value);
  return "an object";
}

function invalid(message: string): WalError {
  return new WalError("WAL_INVALID_ARGUMENT", message);
}
