/** A worker that decodes photos for the one that trains. */
import "photonet/training-worker";

postMessage("ready");
