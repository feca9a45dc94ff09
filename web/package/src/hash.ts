/** SHA-256 in hexadecimal; empty outside secure contexts, where the platform computes none. */
export async function digest(bytes: Uint8Array): Promise<string> {
  if (!globalThis.crypto?.subtle) return "";
  const hash = await crypto.subtle.digest("SHA-256", bytes as BufferSource);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
