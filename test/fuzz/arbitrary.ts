import * as fc from "fast-check";
import type { Target } from "./case.ts";
import { type Recipe, stepKinds } from "./recipe.ts";

const number = fc.nat(0x7fff_ffff);

/** Recipes for one target, few steps and small logs first. */
export function recipes(target: Target): fc.Arbitrary<Recipe> {
  return fc.record({
    target: fc.constant(target),
    sizes: fc.array(fc.oneof(fc.constant(0), fc.nat(40), fc.nat(350)), { maxLength: 7 }),
    policy: fc.nat(31),
    limit: fc.nat(4),
    segment: fc.nat(9),
    mark: fc.nat(20),
    head: fc.nat(20),
    steps: fc.array(fc.record({ kind: fc.nat(stepKinds - 1), at: number, by: number }), { maxLength: 5 }),
  });
}
