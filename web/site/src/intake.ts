import { byId, throttled } from "./dom.js";

export interface Given {
  file: File;
  name: string;
}

/** What somebody dropped, pasted or picked, sorted. */
export interface Batch {
  photos: Given[];
  models: File[];
  /** Files in folders that are no photos: not shown one by one, but counted. */
  leftOut: number;
  /** Addresses that came without a file, such as a picture dragged out of another page. */
  addresses: string[];
}

const PHOTO = /\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|heic|heif|avif)$/i;
const MODEL = /\.safetensors$/i;
/** What a Mac leaves in folders beside the photos, and what is hidden. */
const HIDDEN = /(^|\/)(\.|__MACOSX\/)/;

export function isModel(file: File): boolean {
  return MODEL.test(file.name);
}

/** Files that were chosen one by one are tried whatever they are; of folders, those that look like photos. */
function sort(given: readonly Given[], fromFolder: (given: Given) => boolean, addresses: string[] = []): Batch {
  const batch: Batch = { photos: [], models: [], leftOut: 0, addresses };
  for (const one of given) {
    if (isModel(one.file)) batch.models.push(one.file);
    else if (!fromFolder(one) || (!HIDDEN.test(one.name) && (PHOTO.test(one.name) || one.file.type.startsWith("image/")))) batch.photos.push(one);
    else batch.leftOut += 1;
  }
  return batch;
}

export function fromInput(input: HTMLInputElement): Batch {
  const files = Array.from(input.files ?? [], (file) => ({ file, name: file.webkitRelativePath || file.name }));
  // So that the same file can be chosen again.
  input.value = "";
  return sort(files, ({ file }) => file.webkitRelativePath !== "");
}

/** Reads a drop. Entries must be taken before the event ends; what is in folders comes later. */
export async function fromTransfer(transfer: DataTransfer): Promise<Batch> {
  const addresses = transfer.files.length > 0 ? [] : lines(transfer.getData("text/uri-list"));
  const entries = Array.from(transfer.items)
    .filter(({ kind }) => kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  const given: Given[] = [];
  const inFolder = new Set<Given>();
  for (const { entry, file } of entries) {
    if (entry?.isDirectory) {
      for await (const one of walk(entry as FileSystemDirectoryEntry)) {
        given.push(one);
        inFolder.add(one);
      }
    } else if (file) {
      given.push({ file, name: file.name });
    }
  }
  return sort(given, (one) => inFolder.has(one), addresses);
}

async function* walk(folder: FileSystemDirectoryEntry): AsyncGenerator<Given> {
  const reader = folder.createReader();
  for (;;) {
    // A reader gives a hundred or so at a time, until it gives none.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (entry.isDirectory) yield* walk(entry as FileSystemDirectoryEntry);
      else {
        const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
        yield { file, name: entry.fullPath.replace(/^\//, "") };
      }
    }
  }
}

function lines(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line && !line.startsWith("#"));
}

/** Reads a paste: files, pictures without a name, or an address. */
export function fromClipboard(clipboard: DataTransfer): Batch {
  const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
  const given = Array.from(clipboard.files, (file) => {
    // Browsers call every copied picture image.png.
    const name = /^image\.\w+$/.test(file.name) ? file.name.replace("image", `pasted ${time}`) : file.name;
    return { file, name };
  });
  const text = clipboard.getData("text/plain").trim();
  const address = given.length === 0 && /^(https?:\/\/|\.{0,2}\/)\S+$/.test(text) ? [text] : [];
  return sort(given, () => false, address);
}

/** Takes drops anywhere on the page, and pastes anywhere but in a field; with each comes where it was dropped. */
export function listen(onBatch: (batch: Batch, target?: EventTarget | null) => void, onError: (error: unknown) => void): void {
  const veil = byId("drop-veil");
  const fade = throttled(150, () => {
    veil.hidden = true;
  });
  // What was picked up on the page itself, a text or a link, is nothing new to it.
  let own = false;
  document.addEventListener("dragstart", () => {
    own = true;
  });
  document.addEventListener("dragend", () => {
    own = false;
  });
  /** Files, wherever they are dropped; addresses anywhere but in a field, which takes them itself. */
  const concerns = ({ dataTransfer, target }: DragEvent): boolean => {
    const types = dataTransfer?.types ?? [];
    return !own && (types.includes("Files") || (types.includes("text/uri-list") && !(target instanceof HTMLInputElement)));
  };
  document.addEventListener("dragover", (event) => {
    if (!concerns(event)) return;
    // Without this the browser would open the file in place of the page.
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
    veil.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) fade();
  });
  document.addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!concerns(event)) return;
    event.preventDefault();
    const { dataTransfer, target } = event;
    if (dataTransfer) fromTransfer(dataTransfer).then((batch) => onBatch(batch, target), onError);
  });
  document.addEventListener("paste", (event) => {
    const clipboard = event.clipboardData;
    if (!clipboard) return;
    if (clipboard.files.length === 0 && event.target instanceof HTMLInputElement) return;
    const batch = fromClipboard(clipboard);
    if (batch.photos.length + batch.models.length + batch.addresses.length === 0) return;
    event.preventDefault();
    onBatch(batch);
  });
}
