"""Writes the golden values of the resize and decode tests, from OpenCV and Pillow.

    pip install -r requirements.txt
    python generate.py

The tests read resize.txt and photos.txt; they need no Python.
"""

import io
import pathlib
import zlib

import cv2
import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
# OpenCV may hand its bicubic to IPP, which has weights of its own and exists on Intel machines only.
cv2.ipp.setUseIPP(False)

OPENCV = {
    "Nearest": cv2.INTER_NEAREST,
    "Bilinear": cv2.INTER_LINEAR,
    "Bicubic": cv2.INTER_CUBIC,
    "Area": cv2.INTER_AREA,
    "Lanczos": cv2.INTER_LANCZOS4,
}
PILLOW = {
    "Nearest": Image.Resampling.NEAREST,
    "Bilinear": Image.Resampling.BILINEAR,
    "Bicubic": Image.Resampling.BICUBIC,
    "Area": Image.Resampling.BOX,
    "Lanczos": Image.Resampling.LANCZOS,
}
# Written out in full, so that a mismatch can be seen.
SMALL = [((37, 23), (13, 9)), ((5, 4), (7, 9))]
# Written as a checksum.
LARGE = [
    ((37, 23), (37, 9)),
    ((37, 23), (13, 23)),
    ((37, 23), (74, 46)),
    ((37, 23), (50, 31)),
    ((37, 23), (111, 5)),
    ((37, 23), (3, 80)),
    ((37, 23), (1, 1)),
    ((48, 36), (24, 18)),
    ((48, 36), (16, 12)),
    ((48, 36), (12, 18)),
    ((48, 36), (7, 36)),
    ((1, 1), (5, 4)),
    ((1, 30), (9, 7)),
    ((640, 427), (224, 224)),
    ((640, 427), (384, 256)),
    ((300, 400), (256, 341)),
]


def picture(width, height):
    """Rough and smooth at once, in integers, so that the test can draw the same."""
    y, x, c = np.mgrid[0:height, 0:width, 0:3].astype(np.int64)
    rough = (x * x * 3 + y * y * 5 + x * y * 7 + c * 91) ^ (x * 11) ^ (y * 29)
    smooth = (x * 5 + y * 3 + c * 60) >> 1
    return (np.where((x // 6 + y // 5) % 2 == 0, rough, smooth) & 255).astype(np.uint8)


def resized(library, interpolation, source, size):
    if library == "OpenCv":
        return cv2.resize(source, size, interpolation=OPENCV[interpolation])
    return np.asarray(Image.fromarray(source).resize(size, PILLOW[interpolation]))


def write_resize():
    lines = []
    for library in ("OpenCv", "Pillow"):
        for interpolation in OPENCV:
            for source, size in SMALL + LARGE:
                data = resized(library, interpolation, picture(*source), size).tobytes()
                if (source, size) in SMALL:
                    value = data.hex()
                elif (library, interpolation) == ("OpenCv", "Bicubic"):
                    continue  # equal to within 1 only
                else:
                    value = f"crc32:{zlib.crc32(data):08x}"
                lines.append(" ".join(map(str, (library, interpolation, *source, *size, value))))
    (HERE / "resize.txt").write_text("\n".join(lines) + "\n")


def encoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def expected(data):
    """What the photo should decode to: first picture, upright, on white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode == "CMYK":
        return np.asarray(image.convert("RGB"))
    rgba = np.asarray(image.convert("RGBA")).astype(np.int64)
    color, alpha = rgba[..., :3], rgba[..., 3:]
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def write_photos():
    y, x = np.mgrid[0:10, 0:18]
    smooth = np.stack([x * 13, y * 24, 255 - x * 6 - y * 10], -1).astype(np.uint8)
    photo = Image.fromarray(smooth)
    alpha = Image.fromarray(((x * 29 + y * 17) & 255).astype(np.uint8))
    veiled = photo.copy()
    veiled.putalpha(alpha)
    other = ImageOps.invert(photo)
    turned = Image.Exif()
    turned[0x0112] = 6
    palette = photo.quantize(16)
    grey = photo.convert("L")

    # name, greatest difference allowed, file. Lossy formats leave the decoder some freedom.
    photos = [
        ("jpeg-420", 4, encoded(photo, "JPEG", quality=90)),
        ("jpeg-progressive", 4, encoded(photo, "JPEG", quality=90, progressive=True)),
        ("jpeg-restarts", 4, encoded(photo, "JPEG", quality=90, restart_marker_blocks=1)),
        ("jpeg-grey", 2, encoded(grey, "JPEG", quality=90)),
        ("jpeg-rgb", 2, encoded(photo, "JPEG", quality=90, keep_rgb=True)),
        ("jpeg-cmyk", 3, encoded(photo.convert("CMYK"), "JPEG", quality=90)),
        ("png-palette-transparent", 0, encoded(palette, "PNG", transparency=3)),
        ("png-grey-transparent", 0, encoded(grey, "PNG", transparency=grey.getpixel((4, 4)))),
        ("png-one-bit", 0, encoded(grey.point(lambda v: 255 * (v > 128)).convert("1"), "PNG")),
        ("png-animated", 0, encoded(photo, "PNG", save_all=True, append_images=[other])),
        ("webp-lossless-alpha", 0, encoded(veiled, "WEBP", lossless=True, exact=True)),
        ("webp-turned", 0, encoded(photo, "WEBP", lossless=True, exif=turned)),
        ("webp-animated", 0, encoded(photo, "WEBP", save_all=True, append_images=[other], lossless=True)),
        ("gif-animated-transparent", 0, encoded(palette, "GIF", save_all=True, append_images=[other], transparency=3)),
        ("tiff-turned", 0, encoded(photo, "TIFF", compression="tiff_lzw", exif=turned)),
        ("tiff-cmyk", 1, encoded(photo.convert("CMYK"), "TIFF", compression="tiff_lzw")),
        ("bmp-palette", 0, encoded(palette, "BMP")),
    ]
    lines = []
    for name, tolerance, data in photos:
        pixels = expected(data)
        height, width = pixels.shape[:2]
        lines.append(f"{name} {tolerance} {width} {height} {data.hex()} {pixels.tobytes().hex()}")
    (HERE / "photos.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_resize()
    write_photos()
