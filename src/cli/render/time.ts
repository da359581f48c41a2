// Instants and durations as people read them, in local time; pure.

/** `2026-11-23 09:30:32`; text that is no instant stays as it is. */
export function localTime(instant: string | Date): string {
  const date = new Date(instant);
  if (Number.isNaN(date.getTime())) return String(instant);
  return `${localDate(date)} ${clock(date)}`;
}

/** `09:30:32` for today, else `2026-11-20 09:30`. */
export function shortTime(instant: string, now: Date): string {
  const date = new Date(instant);
  if (Number.isNaN(date.getTime())) return instant;
  return localDate(date) === localDate(now) ? clock(date) : `${localDate(date)} ${clock(date).slice(0, 5)}`;
}

/** One form for all instants of an output: the time of day when all are of today, else date and time. */
export function sameTimes(instants: readonly string[], now: Date): (instant: string) => string {
  const isToday = (instant: string) => {
    const date = new Date(instant);
    return !Number.isNaN(date.getTime()) && localDate(date) === localDate(now);
  };
  return instants.every(isToday) ? (instant) => shortTime(instant, now) : localTime;
}

/** `now`, `in 4 s`, `in 3 min`: until an instant. */
export function untilText(instant: string, now: Date): string {
  const seconds = Math.ceil((Date.parse(instant) - now.getTime()) / 1000);
  if (!(seconds > 0)) return 'now';
  return seconds < 120 ? `in ${seconds} s` : `in ${Math.round(seconds / 60)} min`;
}

function localDate(date: Date): string {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(two).join('-');
}

function clock(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
