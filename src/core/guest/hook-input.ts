// What a hook was told, or one sentence about what is wrong with it: a hook must not fail by an exception.

export type HookInput<T> = { ok: true; input: T } | { ok: false; problem: string };

/** The part of a zod/mini result that matters here; the first issue is the one a person can act on. */
export function fromParse<T>(
  parsed: { success: true; data: T } | { success: false; error: { issues: readonly Issue[] } },
  hook: string,
): HookInput<T> {
  if (parsed.success) return { ok: true, input: parsed.data };
  const issue = parsed.error.issues[0];
  return { ok: false, problem: `${hook}: ${issue?.message ?? 'arguments not understood'}` };
}

interface Issue {
  readonly message: string;
}
