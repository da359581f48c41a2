// Cuts a text that came from outside so that nobody takes the rest for the whole.

/** At most `max` UTF-16 units; what was cut ends in an ellipsis, and no character is cut in two. */
export function shortened(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = text.slice(0, max - 1);
  // The first half of a pair without its second is no character.
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
