import { message } from "./format.js";

const FOREIGN =
  "This page's security policy lets it reach only its own server, so that no photo can leave. Save the photo and drop it here.";

/** Fetches a photo from this page's own server; others are out of reach by policy, and the error says so. */
export async function fetchPhoto(address: string): Promise<{ photo: Blob; name: string }> {
  let url: URL;
  try {
    url = new URL(address, document.baseURI);
  } catch {
    throw new Error(`“${address}” is not an address: give one such as photos/example.jpg`);
  }
  if (url.protocol === "data:" || url.origin !== location.origin) throw new Error(FOREIGN);
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new Error(`${url.href} cannot be reached: ${message(error)}. Is the network there?`);
  }
  if (!response.ok) throw new Error(`The server answered ${response.status} for ${url.href}: is the address right?`);
  if (/^text\/html/.test(response.headers.get("content-type") ?? "")) {
    throw new Error(`${url.href} is a page, not a photo: give the address of the picture itself`);
  }
  const name = decodeURIComponent(url.pathname.split("/").pop() ?? "") || url.href;
  return { photo: await response.blob(), name };
}
