import { byId, el } from "./dom.js";

const MEANING: Record<string, string> = {
  "default-src": "what is not named below is forbidden",
  "script-src": "only this page's own scripts run, and WebAssembly; no code from text",
  "style-src": "only its own style sheets",
  "img-src": "its own pictures, and those made here from your photos",
  "connect-src": "requests go to this page's own server and to no other",
  "worker-src": "its own workers; those keep this policy too",
  "manifest-src": "its own description as an app",
  "media-src": "the camera's picture, inside the page",
  "base-uri": "addresses cannot be bent elsewhere",
  "form-action": "no form can be sent anywhere",
};

/** Shows the policy that is in force, read from this very document, and lets the visitor try it. */
export function showPrivacy(): void {
  const policy = document.querySelector<HTMLMetaElement>('meta[http-equiv="Content-Security-Policy"]')?.content ?? "";
  const list = byId("policy");
  for (const directive of policy.split(";").map((text) => text.trim())) {
    const name = directive.split(" ")[0] ?? "";
    const item = el("li", name === "connect-src" ? "key" : "", el("code", "", directive));
    if (MEANING[name]) item.append(el("span", "", MEANING[name]));
    list.append(item);
  }
  byId("try-leak").addEventListener("click", () => void tryToLeak());
  const panel = byId<HTMLDetailsElement>("privacy");
  const open = (): void => {
    if (location.hash === "#privacy") panel.open = true;
  };
  addEventListener("hashchange", open);
  document.querySelector('a[href="#privacy"]')?.addEventListener("click", () => {
    panel.open = true;
  });
  open();
}

/** An empty request to a site that exists for such trials; the browser refuses before anything is sent. */
async function tryToLeak(): Promise<void> {
  const result = byId("leak-result");
  let refused = false;
  const onRefused = ({ effectiveDirective }: SecurityPolicyViolationEvent): void => {
    refused ||= effectiveDirective === "connect-src";
  };
  document.addEventListener("securitypolicyviolation", onRefused);
  try {
    await fetch("https://example.com/", { mode: "no-cors" });
    result.textContent = "The request was NOT blocked: this browser does not enforce the policy. Do not rely on it here.";
  } catch {
    // The event comes with the failure, or a moment after it.
    await new Promise((resolve) => setTimeout(resolve, 50));
    result.textContent = refused
      ? "Blocked: the browser refused a request to https://example.com because of connect-src, before anything was sent."
      : "Nothing was reached, but for another reason than the policy: is the network off?";
  } finally {
    document.removeEventListener("securitypolicyviolation", onRefused);
  }
}
