/** What is told of several rounds. */

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median, the least and the most, and how far apart those are: in hundredths of the median. */
export function summary(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const middle = median(values);
  const spreadPercent = middle === 0 ? 0 : Math.round(((most - least) / middle) * 100);
  return { median: middle, least, most, spreadPercent };
}
