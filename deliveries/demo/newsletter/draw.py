"""Draws the newsletter's pictures. Run it again after changing it: `python draw.py`, with Pillow installed."""

import math
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

HERE = Path(__file__).parent / "images"
SCALE = 3  # drawn larger, then reduced: smooth edges

CREAM, SAND, TERRACOTTA, RUST = "#f7efe2", "#eadcc5", "#c65d33", "#9c4423"
FOREST, MOSS, LEAF, NIGHT, BROWN = "#1e3a33", "#2f5a4c", "#5d8a66", "#152823", "#3a2418"


def rgb(colour: str) -> tuple[int, int, int]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))  # type: ignore[return-value]  # three of them, which mypy can't count


def mix(first: str, second: str, share: float) -> tuple[int, int, int]:
    return tuple(round(a + (b - a) * share) for a, b in zip(rgb(first), rgb(second), strict=True))  # type: ignore[return-value]  # three of them, which mypy can't count


def canvas(width: int, height: int, colour: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width * SCALE, height * SCALE), colour)
    return image, ImageDraw.Draw(image)


def save(image: Image.Image, name: str, colours: int = 64) -> None:
    """Reduced to its size and to a small palette."""
    size = (image.width // SCALE, image.height // SCALE)
    small = image.resize(size, Image.Resampling.LANCZOS)
    if small.mode == "RGB":
        small = small.quantize(colours, dither=Image.Dither.NONE)
    small.save(HERE / name, optimize=True)


def ridge(width: int, base: float, height: float, seed: int) -> list[tuple[float, float]]:
    chance = random.Random(seed)
    waves = [(chance.uniform(1, 7), chance.uniform(0, 6.3), chance.uniform(0.2, 1)) for _ in range(5)]
    total = sum(weight for _, _, weight in waves)
    points = [(0.0, 10_000.0)]
    for x in range(0, width + 12, 6):
        wave = sum(math.sin(x / width * 2 * math.pi * f / 2 + phase) * w for f, phase, w in waves)
        points.append((x, base - height * wave / total))
    return [*points, (width + 12.0, 10_000.0)]


def hero() -> None:
    image, draw = canvas(1200, 620, CREAM)
    width, height = image.size
    bands = 26
    for band in range(bands):
        top = height * 0.78 * band / bands
        draw.rectangle(
            [0, top, width, top + height / bands + 2], fill=mix("#f2b880", "#fbe9cf", band / bands)
        )
    sun_x, sun_y = width * 0.68, height * 0.40
    for radius, colour in ((330, "#f9d9a8"), (240, "#fbe3ba"), (158, "#fff4dc")):
        r = radius * SCALE / 2
        draw.ellipse([sun_x - r, sun_y - r, sun_x + r, sun_y + r], fill=colour)
    layers = [
        ("#d99a6c", 0.56, 0.10),
        ("#b5714e", 0.64, 0.09),
        ("#6d6a4c", 0.73, 0.08),
        (MOSS, 0.82, 0.07),
        (FOREST, 0.93, 0.05),
    ]
    for seed, (colour, base, tall) in enumerate(layers):
        draw.polygon(ridge(width, height * base, height * tall, seed * 7 + 5), fill=colour)
    for row in range(5):  # rows of coffee on the last slope
        y = height * (0.915 + row * 0.022)
        for bush in range(34):
            x = width * (bush + (row % 2) / 2) / 33
            r = SCALE * (9 + row * 2)
            wobble = math.sin(bush * 0.55 + row) * SCALE * 7
            draw.ellipse(
                [x - r * 1.5, y - r + wobble, x + r * 1.5, y + r + wobble],
                fill=mix(FOREST, LEAF, 0.15 + row * 0.11),
            )
    for x, y, size in ((0.18, 0.22, 15), (0.225, 0.27, 11), (0.285, 0.20, 12)):  # birds
        cx, cy, s = width * x, height * y, size * SCALE
        for side in (-1, 1):
            box = [cx + (side - 1) * s, cy - s * 0.6, cx + (side + 1) * s, cy + s * 0.9]
            draw.arc(box, 200, 340, fill=BROWN, width=2 * SCALE)
    save(image, "hero.png", 48)


def bag(name: str, body: str, dark: str, label: str, motif: str) -> None:
    image, draw = canvas(360, 360, SAND)
    s = SCALE
    draw.ellipse([70 * s, 312 * s, 290 * s, 338 * s], fill=mix(SAND, BROWN, 0.22))
    draw.polygon([(104 * s, 62 * s), (256 * s, 62 * s), (268 * s, 326 * s), (92 * s, 326 * s)], fill=body)
    draw.polygon([(230 * s, 62 * s), (256 * s, 62 * s), (268 * s, 326 * s), (236 * s, 326 * s)], fill=dark)
    draw.rectangle([100 * s, 40 * s, 260 * s, 78 * s], fill=dark)
    draw.rectangle([92 * s, 54 * s, 268 * s, 64 * s], fill=mix(dark, "#ffffff", 0.18))
    draw.rounded_rectangle([122 * s, 140 * s, 226 * s, 286 * s], 10 * s, fill=CREAM)
    draw.ellipse([148 * s, 160 * s, 200 * s, 212 * s], fill=label)
    if motif == "peak":
        draw.polygon(
            [
                (148 * s, 206 * s),
                (168 * s, 172 * s),
                (178 * s, 188 * s),
                (186 * s, 178 * s),
                (202 * s, 206 * s),
            ],
            fill=CREAM,
        )
    elif motif == "bean":
        draw.ellipse([160 * s, 166 * s, 188 * s, 206 * s], fill=CREAM)
        draw.arc([166 * s, 166 * s, 186 * s, 206 * s], 100, 260, fill=label, width=4 * s)
    else:
        for angle in range(0, 360, 45):
            x, y = 174 + math.cos(math.radians(angle)) * 14, 186 + math.sin(math.radians(angle)) * 14
            draw.ellipse([(x - 6) * s, (y - 6) * s, (x + 6) * s, (y + 6) * s], fill=CREAM)
    for top, length in ((228, 76), (244, 52), (260, 62)):
        left = 174 - length / 2
        draw.rounded_rectangle(
            [left * s, top * s, (left + length) * s, (top + 7) * s],
            3 * s,
            fill=mix(CREAM, BROWN, 0.55 if top == 228 else 0.25),
        )
    draw.ellipse([168 * s, 104 * s, 180 * s, 116 * s], fill=dark)
    save(image, name, 40)


def brew() -> None:
    image, draw = canvas(1200, 520, FOREST)
    width, height = image.size
    s = SCALE
    draw.rectangle([0, 410 * s, width, height], fill=NIGHT)
    draw.ellipse([330 * s, 40 * s, 870 * s, 580 * s], fill=MOSS)
    draw.rectangle([0, 430 * s, width, height], fill=NIGHT)
    draw.ellipse([430 * s, 424 * s, 780 * s, 452 * s], fill="#0e1c18")
    draw.polygon(
        [
            (532 * s, 252 * s),
            (668 * s, 252 * s),
            (704 * s, 420 * s),
            (684 * s, 436 * s),
            (516 * s, 436 * s),
            (496 * s, 420 * s),
        ],
        fill="#cfe0d6",
    )
    draw.polygon(
        [
            (515 * s, 340 * s),
            (685 * s, 340 * s),
            (700 * s, 416 * s),
            (682 * s, 430 * s),
            (518 * s, 430 * s),
            (500 * s, 416 * s),
        ],
        fill="#5b3220",
    )
    draw.polygon(
        [(515 * s, 340 * s), (685 * s, 340 * s), (687 * s, 350 * s), (513 * s, 350 * s)], fill="#8a5232"
    )
    draw.arc([660 * s, 280 * s, 760 * s, 400 * s], 270, 90, fill="#cfe0d6", width=13 * s)
    draw.polygon([(470 * s, 108 * s), (730 * s, 108 * s), (636 * s, 240 * s), (564 * s, 240 * s)], fill=CREAM)
    draw.polygon([(640 * s, 108 * s), (730 * s, 108 * s), (636 * s, 240 * s), (612 * s, 240 * s)], fill=SAND)
    draw.ellipse([478 * s, 92 * s, 722 * s, 126 * s], fill="#5b3220")
    draw.ellipse([520 * s, 98 * s, 690 * s, 118 * s], fill="#8a5232")
    draw.rectangle([540 * s, 238 * s, 660 * s, 254 * s], fill=TERRACOTTA)
    for y in (266, 292, 318):
        draw.ellipse([597 * s, y * s, 603 * s, (y + 13) * s], fill="#8a5232")
    draw.line(
        [(840 * s, -10 * s), (730 * s, 30 * s), (640 * s, 34 * s), (606 * s, 58 * s), (603 * s, 106 * s)],
        fill="#dfeae4",
        width=7 * s,
        joint="curve",
    )
    for cx, up in ((925, 0), (282, 8)):  # cups
        x, y = cx, 356 + up
        draw.ellipse([(x - 95) * s, (y + 66) * s, (x + 95) * s, (y + 92) * s], fill="#0e1c18")
        draw.chord([(x - 70) * s, (y - 84) * s, (x + 70) * s, (y + 76) * s], 0, 180, fill=TERRACOTTA)
        draw.ellipse([(x - 70) * s, (y - 20) * s, (x + 70) * s, (y + 12) * s], fill=RUST)
        draw.ellipse([(x - 58) * s, (y - 15) * s, (x + 58) * s, (y + 8) * s], fill="#3a2016")
        draw.arc(
            [(x + 46) * s, (y + 4) * s, (x + 98) * s, (y + 54) * s], 265, 95, fill=TERRACOTTA, width=11 * s
        )
        steam = Image.new("L", image.size, 0)
        pen = ImageDraw.Draw(steam)
        for offset in (-24, 4, 32):
            points = [((x + offset + math.sin(t / 15) * 7) * s, (y - 30 - t) * s) for t in range(0, 96, 3)]
            pen.line(points, fill=92, width=7 * s, joint="curve")
        image.paste(
            Image.new("RGB", image.size, "#cfe0d6"), mask=steam.filter(ImageFilter.GaussianBlur(7 * s))
        )
        draw = ImageDraw.Draw(image)
    save(image, "brew.png", 48)


def mark() -> None:
    image = Image.new("RGBA", (112 * SCALE, 112 * SCALE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    s = SCALE
    draw.ellipse([2 * s, 2 * s, 110 * s, 110 * s], fill=TERRACOTTA)
    draw.polygon(
        [(18 * s, 80 * s), (46 * s, 34 * s), (60 * s, 56 * s), (70 * s, 44 * s), (94 * s, 80 * s)], fill=CREAM
    )
    draw.polygon(
        [(46 * s, 34 * s), (54 * s, 46 * s), (47 * s, 52 * s), (41 * s, 47 * s), (38 * s, 47 * s)],
        fill=TERRACOTTA,
    )
    save(image, "mark.png")


if __name__ == "__main__":
    hero()
    bag("coffee-1.png", "#2f5a4c", FOREST, TERRACOTTA, "peak")
    bag("coffee-2.png", "#c65d33", RUST, FOREST, "bean")
    bag("coffee-3.png", "#d9a441", "#b07f24", BROWN, "flower")
    brew()
    mark()
