import { byId } from "./dom.js";
import { message, plural } from "./format.js";

/** Why there is no picture, in words that say what to do. */
function explain(error: unknown): string {
  const name = error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
      return "The camera was refused. Allow it for this page in the browser's address bar, then open it again.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "No camera was found. Connect one, or choose a photo instead.";
    case "SecurityError":
      return "Browsers give a camera to pages with an address in https:// only, and this one has none. Choose a photo instead.";
    case "NotReadableError":
      return "The camera is in use by another program. Close that one, then open it again.";
    default:
      return `The camera does not start: ${message(error)}`;
  }
}

/** A dialog with the camera's live picture. The stream ends when it closes. */
export class Camera {
  readonly #dialog = byId<HTMLDialogElement>("camera");
  readonly #video = byId<HTMLVideoElement>("camera-video");
  readonly #error = byId("camera-error");
  readonly #shoot = byId<HTMLButtonElement>("camera-shoot");
  readonly #turn = byId<HTMLButtonElement>("camera-turn");
  #stream: MediaStream | undefined;
  #facing: "environment" | "user" = "environment";
  #asked = 0;
  #taken = 0;

  /** What closing is for, once photos were taken. */
  readonly #purpose: (taken: number) => string;

  /** `onPhoto` is called with every photo, `onClose` when the dialog has closed. */
  constructor(onPhoto: (photo: Blob, name: string) => void, onClose: () => void, purpose: (taken: number) => string) {
    this.#purpose = purpose;
    byId("camera-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => {
      this.#stop();
      if (this.#taken > 0) onClose();
    });
    this.#turn.addEventListener("click", () => {
      this.#facing = this.#facing === "user" ? "environment" : "user";
      void this.#start();
    });
    this.#shoot.addEventListener("click", async () => {
      const photo = await this.#take();
      if (!photo) return;
      onPhoto(photo, `camera ${new Date().toTimeString().slice(0, 8).replaceAll(":", "-")}.png`);
      this.#count(this.#taken + 1);
    });
  }

  open(): void {
    this.#count(0);
    this.#dialog.showModal();
    void this.#start();
  }

  /** Within the dialog, since the page behind it is neither seen nor read aloud. */
  #count(taken: number): void {
    this.#taken = taken;
    byId("camera-count").textContent = taken ? `${plural(taken, "photo")} taken: close ${this.#purpose(taken)}` : "";
  }

  async #start(): Promise<void> {
    this.#stop();
    const asked = ++this.#asked;
    this.#error.textContent = "";
    this.#shoot.disabled = true;
    try {
      const { mediaDevices } = navigator;
      // Browsers hide cameras from pages that come over plain http.
      if (!mediaDevices?.getUserMedia) throw new DOMException("", isSecureContext ? "NotFoundError" : "SecurityError");
      const size = { width: { ideal: 1280 }, height: { ideal: 960 } };
      const stream = await mediaDevices.getUserMedia({ video: { facingMode: this.#facing, ...size }, audio: false });
      // Closed, or turned, while the visitor was asked.
      if (asked !== this.#asked || !this.#dialog.open) return stream.getTracks().forEach((track) => track.stop());
      this.#stream = stream;
      this.#video.srcObject = stream;
      await this.#video.play();
      this.#shoot.disabled = false;
      const cameras = (await mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
      this.#turn.hidden = cameras.length < 2;
    } catch (error) {
      if (asked === this.#asked && this.#dialog.open) this.#error.textContent = explain(error);
    }
  }

  #stop(): void {
    this.#asked += 1;
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = undefined;
    this.#video.srcObject = null;
  }

  /** The picture without loss, so that the answer is about what was seen. */
  async #take(): Promise<Blob | undefined> {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d")?.drawImage(this.#video, 0, 0);
    const photo = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!photo) this.#error.textContent = "The camera gave no picture yet: try again.";
    return photo ?? undefined;
  }
}
