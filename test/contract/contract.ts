/**
 * The agreed surface, `api.d.ts` beside the repository, made into types that the package can be held
 * against. What is not built yet is named here; it is taken out of the copy, and must really be
 * absent, so that the list shrinks when it lands.
 */

/** Whole exports of the contract that the package does not have yet. */
export const exportsToCome: readonly string[] = [];

/** Members of what it has that are not there yet. `static` where they belong to the class itself. */
export const membersToCome: Readonly<Record<string, readonly string[]>> = {};

/** Modules of the contract that the package does not have yet. */
export const modulesToCome: readonly string[] = [];

/** Modules of the contract, apart from `wal-db`, that it has; of what it says, `assertionsFor` holds each to its few lines. */
export const modulesThere: readonly string[] = ["wal-db/mapped", "wal-db/testing", "wal-db/pack-io"];

export const contractModule = "wal-db-contract";

export interface Declared {
  readonly kind: "type" | "interface" | "class" | "function";
  readonly name: string;
  /** Of a generic type, as it is held against the other: `<Sample>`. */
  readonly given: string;
}

/** The part of api.d.ts that declares the module `wal-db`. */
function mainModuleOf(api: string): string {
  const start = api.indexOf('declare module "wal-db" {');
  const end = api.indexOf("\n}\n", start);
  if (start < 0 || end < 0) throw new Error("api.d.ts declares no module wal-db");
  return api.slice(start, end + 2);
}

export function declarationsOf(api: string): Declared[] {
  return [...mainModuleOf(api).matchAll(/^ {2}export (type|interface|class|function) (\w+)(<T>)?/gm)].map(
    (match) => ({
      kind: match[1] as Declared["kind"],
      name: match[2] as string,
      given: match[3] === undefined ? "" : "<Sample>",
    }),
  );
}

export function modulesOf(api: string): string[] {
  return [...api.matchAll(/^declare module "([^"]+)"/gm)].map((match) => match[1] as string);
}

/** The contract under a name of its own, without the members that are to come. */
export function contractCopy(api: string): string {
  let copy = mainModuleOf(api).replace('"wal-db"', `"${contractModule}"`);
  for (const [owner, members] of Object.entries(membersToCome)) {
    for (const member of members) copy = withoutMember(copy, owner, member);
  }
  return copy;
}

function withoutMember(api: string, owner: string, member: string): string {
  const start = api.search(new RegExp(`^ {2}export (?:class|interface) ${owner}\\b`, "m"));
  const end = api.indexOf("\n  }\n", start) + 1;
  const line = new RegExp(`^ {4}${member}[(<].*;\\n`, "m");
  const body = api.slice(start, end);
  if (!line.test(body)) throw new Error(`the contract has no ${owner} with a member ${member}`);
  return api.slice(0, start) + body.replace(line, "") + api.slice(end);
}

/** What users hand in as well as get out, so that it must fit both ways. */
const handedIn: readonly string[] = [
  "RecordInput",
  "WalOptions",
  "SegmentedOptions",
  "IterOptions",
  "WalStore",
  "Lsn",
  "Codec",
];

/** What users only hand in: the package may take more than was agreed, such as undefined for any option. */
const onlyHandedIn: readonly string[] = ["WalOptions", "SegmentedOptions", "IterOptions"];

/** A file of types that compiles if and only if the package keeps the contract. */
export function assertionsFor(declared: readonly Declared[]): string {
  const lines = [
    `import type * as contract from "${contractModule}";`,
    'import type * as own from "wal-db";',
    'import type { MappedStore } from "wal-db/mapped";',
    "interface Sample { readonly id: number }",
    "/** Without its constructors: Wal has none that users may call. */",
    "type Statics<C> = { [K in keyof C]: C[K] };",
    "type Fits<Given, Wanted> = [Given] extends [Wanted] ? true : false;",
    "type Arguments<F> = F extends (...given: infer A) => unknown ? A : never;",
    "/** Methods are compared loosely by the compiler: each must take whatever the contract lets users give. */",
    "type Refused<Own, C> = { [K in keyof C]-?: K extends keyof Own ? (Fits<Arguments<C[K]>, Arguments<Own[K]>> extends true ? never : K) : K }[keyof C];",
    "function holds<T extends true>(): T | undefined { return undefined; }",
    "function none<T extends never>(): T | undefined { return undefined; }",
  ];
  for (const { kind, name, given } of declared) {
    if (exportsToCome.includes(name)) continue;
    if (kind === "function") {
      lines.push(`holds<Fits<typeof own.${name}, typeof contract.${name}>>();`);
      continue;
    }
    if (!onlyHandedIn.includes(name))
      lines.push(`holds<Fits<own.${name}${given}, contract.${name}${given}>>();`);
    if (handedIn.includes(name)) lines.push(`holds<Fits<contract.${name}${given}, own.${name}${given}>>();`);
    if (kind === "class") {
      lines.push(`holds<Fits<Statics<typeof own.${name}>, Statics<typeof contract.${name}>>>();`);
      lines.push(`none<Refused<own.${name}, contract.${name}>>();`);
      lines.push(`none<Refused<Statics<typeof own.${name}>, Statics<typeof contract.${name}>>>();`);
    }
  }
  lines.push(
    'holds<Fits<contract.WalError["code"], own.WalError["code"]>>();',
    "holds<Fits<typeof own.MemStore, new (image?: Uint8Array) => contract.MemStore & contract.WalStore>>();",
    "holds<Fits<own.FileStore, contract.WalStore>>();",
    "holds<Fits<own.SegmentedStore, contract.WalStore>>();",
    "holds<Fits<MappedStore, contract.WalStore>>();",
    "holds<Fits<typeof MappedStore.open, (dir: string | URL, segmentSize?: number) => contract.WalStore>>();",
    "export {};",
  );
  return `${lines.join("\n")}\n`;
}

function absent(what: string, index: number): string {
  return `// @ts-expect-error: to come\nexport type Absent${index} = ${what};`;
}

/** A file of types that compiles if and only if what is to come is not there. */
export function absencesOf(members: typeof membersToCome = membersToCome): string {
  const whats = [
    ...exportsToCome.map((name) => `import("wal-db").${name}`),
    ...Object.entries(members).flatMap(([owner, names]) =>
      names.map((member) => {
        const name = member.replace("static ", "");
        const whole = `import("wal-db").${owner}`;
        return member === name ? `${whole}["${name}"]` : `(typeof ${whole})["${name}"]`;
      }),
    ),
    ...modulesToCome.map((name) => `typeof import("${name}")`),
  ];
  return `${whats.map(absent).join("\n")}\n`;
}
