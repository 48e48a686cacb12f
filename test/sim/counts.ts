/** What a run has done and met. */
export interface Counts {
  ops: number;
  crashes: number;
  powerCuts: number;
  /** Opens after a crash that succeeded. */
  generations: number;
  opensCutShort: number;
  faults: number;
  lies: number;
  refusals: number;
  quarantines: number;
  cutAndSaved: number;
}

export function noCounts(): Counts {
  return {
    ops: 0,
    crashes: 0,
    powerCuts: 0,
    generations: 0,
    opensCutShort: 0,
    faults: 0,
    lies: 0,
    refusals: 0,
    quarantines: 0,
    cutAndSaved: 0,
  };
}
