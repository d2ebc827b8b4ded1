"""How the bundled pieces were made: glyphs of fonts, small photographs and sprites, so that every platform draws the same pictures.

    python -m distill_helpers.data.generated.bundling PHOTOS SPRITES OUT

PHOTOS: a folder with scikit-image's pictures (skimage/data of its wheel). SPRITES: a folder of <vendor>_<code point>.png, 64 pixels, RGBA, from
the npm packages emoji-datasource-google and emoji-datasource-twitter 16.0.0. Fonts are those in matplotlib's wheel.
"""

import sys
from pathlib import Path

import numpy as np

from distill_helpers.checks import needed

GLYPH, PHOTO, SPRITE = 32, 96, 40  # pixels
FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique", "DejaVuSansMono", "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta",
    "cmr10", "cmb10", "cmss10", "cmti10", "cmtt10", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic",
)  # fmt: skip
PHOTOS = ("coffee.png", "rocket.jpg", "brick.png", "grass.png", "hubble_deep_field.jpg", "astronaut.png", "gravel.png", "camera.png", "retina.jpg")
CODES = {
    "airplane": ("2708-fe0f", "1f6eb", "1f6ec", "1f6e9-fe0f"), "automobile": ("1f697", "1f698", "1f695", "1f699"),
    "bird": ("1f426", "1f985", "1f986", "1f99c", "1f9a2", "1f424"), "cat": ("1f431", "1f408", "1f63a", "1f408-200d-2b1b"),
    "deer": ("1f98c", "1face"), "dog": ("1f436", "1f415", "1f429", "1f9ae"), "frog": ("1f438",), "horse": ("1f434", "1f40e", "1f3c7"),
    "ship": ("1f6a2", "1f6f3-fe0f", "26f4-fe0f", "1f6a4"), "truck": ("1f69a", "1f69b", "1f692", "1f6fb"),
}  # fmt: skip
VENDORS = ("google", "twitter")


def glyphs() -> dict:
    """{"masks": uint8 [fonts, 10, GLYPH, GLYPH], "fonts": names}: each digit centred, 24 pixels high."""
    Image, Draw, Font = (needed(f"PIL.{name}") for name in ("Image", "ImageDraw", "ImageFont"))
    folder = Path(needed("matplotlib").get_data_path()) / "fonts" / "ttf"
    masks = np.zeros((len(FONTS), 10, GLYPH, GLYPH), np.uint8)
    for f, name in enumerate(FONTS):
        font = Font.truetype(str(folder / f"{name}.ttf"), 200)
        for digit in range(10):
            left, top, right, bottom = font.getbbox(str(digit))
            drawn = Image.new("L", (right - left, bottom - top))
            Draw.Draw(drawn).text((-left, -top), str(digit), fill=255, font=font)
            high = 24
            wide = max(1, round(drawn.width * high / drawn.height))
            drawn = drawn.resize((min(wide, GLYPH), high), Image.Resampling.LANCZOS)
            place = Image.new("L", (GLYPH, GLYPH))
            place.paste(drawn, ((GLYPH - drawn.width) // 2, (GLYPH - high) // 2))
            masks[f, digit] = np.asarray(place)
    return {"masks": masks, "fonts": np.array(FONTS)}


def photos(folder: Path) -> dict:
    """{"photos": uint8 [N, PHOTO, PHOTO, 3], "names": of the files}: the middle square of each, made small."""
    Image = needed("PIL.Image")
    found = []
    for name in PHOTOS:
        with Image.open(folder / name) as file:
            image = file.convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        found.append(np.asarray(square.resize((PHOTO, PHOTO), Image.Resampling.LANCZOS)))
    return {"photos": np.stack(found), "names": np.array(PHOTOS)}


def sprites(folder: Path) -> dict:
    """{"sprites": uint8 [N, SPRITE, SPRITE, 4], "labels": int64 [N], "vendors": [N], "codes": [N], "classes": names}."""
    Image = needed("PIL.Image")
    pictures, labels, vendors, codes = [], [], [], []
    for label, (_, points) in enumerate(CODES.items()):
        for code in points:
            for vendor in VENDORS:
                with Image.open(folder / f"{vendor}_{code}.png") as file:
                    image = file.convert("RGBA").resize((SPRITE, SPRITE), Image.Resampling.LANCZOS)
                pictures.append(np.asarray(image))
                labels.append(label)
                vendors.append(VENDORS.index(vendor))
                codes.append(code)
    return {"sprites": np.stack(pictures), "labels": np.array(labels), "vendors": np.array(vendors), "codes": np.array(codes),
            "classes": np.array(list(CODES))}  # fmt: skip


def main(given) -> None:
    """Write the three files."""
    folder, pictures, out = map(Path, given)
    for name, held in (("glyphs", glyphs()), ("photos", photos(folder)), ("sprites", sprites(pictures))):
        np.savez_compressed(out / f"{name}.npz", **held)


if __name__ == "__main__":
    main(sys.argv[1:])
