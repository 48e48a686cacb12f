import assert from "node:assert/strict";
import { WalError, type WalErrorCode, type WalErrorFacts } from "wal-db";

/**
 * For assert.throws and assert.rejects: a WalError with this code, at least these facts, and a
 * message that says this, which is where its way out is looked for.
 */
export function walFault(
  code: WalErrorCode,
  facts: Partial<WalErrorFacts> = {},
  message: RegExp = /./,
): (error: unknown) => true {
  return (error) => {
    if (!(error instanceof WalError)) assert.fail(`not a WalError: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    for (const [fact, value] of Object.entries(facts)) {
      assert.deepEqual(error[fact as keyof WalErrorFacts], value, `${fact} of: ${error.message}`);
    }
    assert.match(error.message, message);
    return true;
  };
}

/** An error as node:fs throws it. */
export function systemError(errno: string): Error {
  return Object.assign(new Error(`${errno}: injected`), { code: errno });
}
