/** What the writing and the following process agree on. */
export const lastText = "the last";
export const segmentBytes = 512;
