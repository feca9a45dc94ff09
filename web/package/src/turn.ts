/**
 * Lets the page breathe, and aborts arrive, between two pieces of work. A message is used because timers are held up
 * for a second in hidden tabs.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
