"""Makes polygons.json.gz: random polygons and boxes, and what pycocotools draws of them (pip install pycocotools).

    python3 test/coco/polygons.py test/coco/polygons.json.gz

A polygon is moved and scaled into its box as detectron2's rasterize_polygons_within_box does, with NumPy 1's rules: sides of
boxes in float32, everything behind in float64.
"""

import base64
import gzip
import json
import math
import random
import sys

import numpy
from pycocotools import mask as masks

COUNT = 1000
chance = random.Random(17)
OUTS = [(28, 28)] * 4 + [(14, 14)] * 3 + [(7, 7), (1, 1), (5, 9), (9, 4), (70, 3), (2, 70)]


def ring(x, y, radius_x, radius_y):
    kind = chance.choice(["round"] * 4 + ["star", "wild", "whole", "quarters", "line", "thin"])
    count = chance.choice([3, 4, 5, 8, 20])
    turn = chance.uniform(0, math.tau)
    points = []
    for i in range(count):
        angle = turn + (i * (2 if kind == "star" else 1)) * math.tau / count
        far = chance.uniform(0.7, 1.1)
        points.append((x + radius_x * far * math.cos(angle), y + radius_y * far * math.sin(angle)))
    if kind == "wild":
        points = [(x + chance.uniform(-1, 1) * radius_x, y + chance.uniform(-1, 1) * radius_y) for _ in points]
    elif kind == "whole":
        points = [(round(a), round(b)) for a, b in points]
    elif kind == "quarters":
        points = [(round(a * 4) / 4, round(b * 4) / 4) for a, b in points]
    elif kind == "line":
        points = [(a, y + (a - x) / 2) for a, _ in points]
    elif kind == "thin":
        points = [(a, y + (b - y) / 50) for a, b in points]
    if chance.random() < 0.1:
        points.append(points[0])
    return points


def box_of(points):
    x1, y1 = (min(p[i] for p in points) for i in (0, 1))
    x2, y2 = (max(p[i] for p in points) for i in (0, 1))
    width, height = x2 - x1, y2 - y1
    kind = chance.choice(["own", "near", "near", "near", "round", "part", "thin", "tiny", "point", "huge", "outside"])
    if kind == "near":
        x1, y1, x2, y2 = (at + chance.gauss(0, 4) for at in (x1, y1, x2, y2))
    elif kind == "round":
        x1, y1, x2, y2 = round(x1), round(y1), round(x1) + chance.choice([7, 14, 28, 56]), round(y2)
    elif kind == "part":
        x1, y1 = x1 + width * chance.random(), y1 + height * chance.random()
        x2, y2 = x1 + width / 3, y1 + height / 3
    elif kind == "thin":
        x2 = x1 + chance.uniform(0, 1)
    elif kind == "tiny":
        x1, y1 = x1 + width / 2, y1 + height / 3
        x2, y2 = x1 + chance.uniform(0, 0.3), y1 + chance.uniform(0, 0.3)
    elif kind == "point":
        x2, y2 = x1, y1
    elif kind == "huge":
        x1, y1, x2, y2 = x1 - 500, y1 - 300, x2 + 700, y2 + 200
    elif kind == "outside":
        x1, x2 = x1 + 2 * width + 10, x2 + 2 * width + 10
    return [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]


def drawn(rings, box, height, width):
    x1, y1, x2, y2 = box
    ratio_x, ratio_y = width / max(float(x2 - x1), 0.1), height / max(float(y2 - y1), 0.1)
    placed = [(points.astype(numpy.float64) - box[:2].astype(numpy.float64)) * (ratio_x, ratio_y) for points in rings]
    return masks.decode(masks.merge(masks.frPyObjects([points.reshape(-1).tolist() for points in placed], height, width)))


def text(array):
    return base64.b64encode(numpy.ascontiguousarray(array).tobytes()).decode()


polygons = []
for _ in range(COUNT):
    x, y = chance.uniform(-20, 1333), chance.uniform(-20, 800)
    size = math.exp(chance.uniform(0, 6))
    rings = []
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        middle = x + chance.uniform(-1, 1) * size, y + chance.uniform(-1, 1) * size
        rings.append(ring(*middle, size, size * chance.uniform(0.3, 2)))
    box = numpy.array(box_of([point for points in rings for point in points]), dtype=numpy.float32)
    rings = [numpy.array(points, dtype=numpy.float32) for points in rings]
    out = chance.choice(OUTS)
    bits = drawn(rings, box, *out)
    polygons.append(
        {
            "out": out,
            "rings": [text(points) for points in rings],
            "box": text(box),
            "bits": text(numpy.packbits(bits, bitorder="little")),
        }
    )

with gzip.GzipFile(sys.argv[1], "wb", mtime=0) as file:
    file.write(("[" + ",\n".join(json.dumps(each, separators=(",", ":")) for each in polygons) + "]\n").encode())
