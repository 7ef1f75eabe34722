"""Makes annotations.json: random annotations in COCO's formats, and pycocotools' masks of them (pip install pycocotools).

    python3 test/coco/annotations.py > test/coco/annotations.json
"""

import base64
import json
import math
import random

import numpy
from pycocotools import mask as masks

chance = random.Random(17)


def polygon(height, width):
    x, y = chance.uniform(0, width), chance.uniform(0, height)
    radius = chance.uniform(1, 25)
    count = chance.choice([3, 4, 7, 15])
    points = []
    for i in range(count):
        angle, far = i * math.tau / count, radius * chance.uniform(0.6, 1)
        points += [round(x + far * math.cos(angle), 2), round(y + far * math.sin(angle), 2)]
    return points


def bits(height, width):
    if chance.random() < 0.2:
        return numpy.array([chance.random() < 0.3 for _ in range(height * width)]).reshape(height, width)
    mask = numpy.zeros((height, width), dtype=bool)
    y1, y2 = sorted(chance.randint(0, height) for _ in range(2))
    x1, x2 = sorted(chance.randint(0, width) for _ in range(2))
    mask[y1:y2, x1:x2] = True
    return mask


def plain(mask):
    counts, value = [0], 0
    for pixel in mask.flatten(order="F").tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def annotation(index, height, width):
    kind = chance.choice(["polygon", "polygon", "compressed", "plain"])
    crowd = index % 9 == 8
    if kind == "polygon":
        segmentation = [polygon(height, width) for _ in range(chance.choice([1, 1, 2]))]
        mask = masks.decode(masks.merge(masks.frPyObjects(segmentation, height, width)))
    else:
        mask = bits(height, width)
        if kind == "plain":
            segmentation = {"size": [height, width], "counts": plain(mask)}
            assert (masks.decode(masks.frPyObjects(segmentation, height, width)) == mask).all()
        else:
            encoded = masks.encode(numpy.asfortranarray(mask.astype(numpy.uint8)))
            segmentation = {"size": [height, width], "counts": encoded["counts"].decode()}
    box = [round(chance.uniform(0, 30), 2), round(chance.uniform(0, 30), 2), chance.randint(1, 30), chance.randint(1, 30)]
    return {
        "id": 1000 + index,
        "category_id": chance.choice([1, 3, 90]),
        "bbox": box,
        "iscrowd": int(crowd),
        "segmentation": segmentation,
    }, base64.b64encode(numpy.packbits(mask.astype(bool), bitorder="little").tobytes()).decode()


images = []
for height, width in [(37, 53), (53, 37), (1, 70), (64, 64), (120, 3)]:
    made = [annotation(index, height, width) for index in range(20)]
    images.append({"size": [height, width], "annotations": [each for each, _ in made], "bits": [each for _, each in made]})
print("[" + ",\n".join(json.dumps(image, separators=(",", ":")) for image in images) + "]")
