/** Calls back as the platform does: what is thrown is told as an uncaught error, and stops nothing. */
export function harmless<T>(callback: ((value: T) => void) | undefined): (value: T) => void {
  return (value) => {
    try {
      callback?.(value);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}
