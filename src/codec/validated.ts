/**
 * Values that a schema has checked, on their way in and on their way out. The bytes are those of the codec within.
 *
 *   encode   validate(value)   issues? refuse : codec.encode(value)          the value as it was given
 *   decode   codec.decode(bytes), validate   issues? refuse : what the schema made of it
 *
 * A schema may change what it checks: fill in a default, trim, convert. It does so once, on reading: were its result
 * logged, a schema that adds 1 would have added 2 when the value is read. So what is logged is what was given.
 */
import { invalidArgument, shown } from "../errors.ts";
import { checkCodec, type Codec } from "./codec.ts";
import { bytesFrom, bytesInto, codecFault, refusePromise, valueFrom } from "./coding.ts";
import type { SchemaIssue, SchemaResult, StandardSchema } from "./standard-schema.ts";

/** So many issues are told in a message; all are in its `cause`. */
const issuesToldMax = 5;

/**
 * A codec that checks each value by a schema, on append and on reading: any Standard Schema, such as those of
 * zod, valibot and arktype. A value that does not pass is WAL_ENCODING; the message says where in it what is wrong, and
 * `cause` of its `cause` is the list of issues. Nothing is appended then.
 *
 * Defaults and conversions of the schema happen on reading, and are not logged: a field with a default may be
 * added to a schema later, and old records have it. What a schema returns must be what it takes, too.
 *
 * Cost: that of the schema, at each append and each read.
 *
 * @param schema Must be synchronous.
 * @throws {WalError} WAL_INVALID_ARGUMENT when it is no Standard Schema, or no codec; from `encode` and `decode`
 *   WAL_ENCODING, `reason` `invalid-value` or `asynchronous`.
 * @example
 * const events = wal.typed(validated(z.object({ cents: z.int() }), json()));
 * events.append({ cents: 500 });
 * try {
 *   events.append({ cents: 0.5 });
 * } catch (error) {
 *   console.log((error as WalError).reason); // invalid-value
 * }
 */
export function validated<Input, Output extends Input>(
  schema: StandardSchema<Input, Output>,
  codec: Codec<NoInfer<Input>>,
): Codec<Output> {
  checkSchema(schema);
  checkCodec(codec);
  return {
    encode(value) {
      check(schema, value, "given");
      return bytesFrom(codec, value);
    },
    decode: (bytes) => check(schema, valueFrom(codec, bytes), "read"),
    ...(codec.encodeInto !== undefined && {
      encodeInto(value, target) {
        check(schema, value, "given");
        return bytesInto(codec, value, target);
      },
    }),
  };
}

function check<Output>(schema: StandardSchema<unknown, Output>, value: unknown, which: string): Output {
  const result = schema["~standard"].validate(value);
  if (typeof result !== "object" || result === null) {
    throw codecFault("invalid-value", `the schema's validate returned ${shown(result)}`);
  }
  refusePromise(result, "the schema's validate");
  const answer = result as SchemaResult<Output>;
  if (answer.issues === undefined) return answer.value;
  throw codecFault("invalid-value", `the value ${which} does not fit its schema: ${told(answer.issues)}`, {
    cause: answer.issues,
  });
}

function told(issues: readonly SchemaIssue[]): string {
  const first = Array.from(issues).slice(0, issuesToldMax);
  if (first.length === 0) return "it names no issue";
  const more = issues.length - first.length;
  const text = first.map((issue) => `${placeOf(issue)}${issue.message}`).join("; ");
  return more > 0 ? `${text}; and ${more} more` : text;
}

/** As one would write it in code: `lines[2].cents: `. */
function placeOf({ path }: SchemaIssue): string {
  if (path === undefined || path.length === 0) return "";
  const steps = path.map((step) => (typeof step === "object" ? step.key : step));
  return `${steps.map(stepOf).join("")}: `;
}

function stepOf(key: PropertyKey, index: number): string {
  if (typeof key !== "string") return `[${String(key)}]`;
  if (!/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key)) return `[${JSON.stringify(key)}]`;
  return index === 0 ? key : `.${key}`;
}

function checkSchema(schema: unknown): void {
  const isObject = (typeof schema === "object" && schema !== null) || typeof schema === "function";
  const standard = isObject ? (schema as Partial<StandardSchema>)["~standard"] : undefined;
  if (standard?.version === 1 && typeof standard.validate === "function") return;
  throw invalidArgument(
    `validated takes a Standard Schema, version 1, as zod, valibot and arktype make them; got ${shown(schema)}.`,
  );
}
