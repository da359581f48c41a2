// Amounts as people read them; pure.

/** `1 block`, `2 blocks`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** Bytes in the largest binary unit that leaves at least one whole. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let amount = bytes / 1024;
  let unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${amount.toFixed(1)} ${units[unit]}`;
}

/** `512B`, `1.5K`, `20M`: where there is little room; binary units as those of `size`. */
export function compactSize(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  const units = ['K', 'M', 'G', 'T', 'P'];
  let amount = bytes / 1024;
  let unit = 0;
  // Nothing is written as 1024K.
  while (Math.round(amount) >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${amount < 9.95 ? amount.toFixed(1) : Math.round(amount)}${units[unit]}`;
}

/** `5 s`, `3 min`, `4 h`, `12 d`: whole seconds in the largest unit that leaves two of it. */
export function durationText(seconds: number): string {
  const units: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
  ];
  const [length, unit] = units.find(([amount]) => seconds >= 2 * amount) ?? [1, 's'];
  return `${Math.floor(seconds / length)} ${unit}`;
}
