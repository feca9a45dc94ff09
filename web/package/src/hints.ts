/** What messages say of the platform. Node's entry has its own. */
export const hints = {
  /** Of an address that cannot be one. */
  address: "give an absolute URL here",
  /** Where `fetch` fails. */
  unreachable:
    "Is the network there, and does a Content-Security-Policy (connect-src) or a missing CORS header stand in the way?",
  /** Where a server has no model. */
  deployed: "is the address right (it is meant from the page, not from the script), and was the file deployed with the page?",
  /** Where a file cannot be read. */
  unreadable: "Was it moved or changed since it was chosen?",
  /** Why there may be no WebGPU. */
  noGpu: "the browser has none, or the page is neither https nor localhost",
};
