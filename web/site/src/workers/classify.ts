/** The worker in which everything heavy happens: decoding, resizing, computing. */
import "photonet/worker";

postMessage("ready");
