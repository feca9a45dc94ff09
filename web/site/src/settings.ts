/** What the visitor chose, kept for the next visit where the browser allows it. */
const PREFIX = "photonet.";

export function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    // Private windows and blocked storage throw; the choice then lasts for this visit.
    return undefined;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // As above, and a full storage.
  }
}
