// Shows a text that came from outside in a sentence: in quotes, and no longer than a reader needs to know it again.

/** In JSON's quotes; of a text with more than `max` UTF-16 units the first `max` and an ellipsis. */
export function quoted(text: string, max: number): string {
  return JSON.stringify(text.length > max ? `${text.slice(0, max)}…` : text);
}
