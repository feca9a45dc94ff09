/**
 * The absolute form of an address, meant from the page as `fetch` means it; nothing where it cannot be one. An empty one would
 * be the page's own.
 */
export function absolute(address: string): string | undefined {
  if (!address.trim()) return undefined;
  try {
    return new URL(address, base()).href;
  } catch {
    return undefined;
  }
}

/** A worker has no document, Node has neither; `typeof` alone may ask for what is not declared. */
function base(): string | undefined {
  if (typeof document === "object") return document.baseURI;
  return typeof location === "object" ? location.href : undefined;
}

/** Reads addresses that `fetch` does not, such as paths in Node. */
export type FileReader = (address: string) => Promise<Uint8Array> | undefined;

let reader: FileReader = () => undefined;

export function readFilesWith(other: FileReader): void {
  reader = other;
}

/** The file at an address that is one of this machine's, where files can be read by path. */
export function localFile(address: string): Promise<Uint8Array> | undefined {
  return address.trim() ? reader(address) : undefined;
}
