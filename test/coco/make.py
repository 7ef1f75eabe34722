"""Makes sets.json: random objects and detections, and what pycocotools says of them (pip install pycocotools).

    python3 test/coco/make.py 8 > test/coco/sets.json
    python3 test/coco/make.py 400 > more.json && COCO_SETS=more.json npm test -- experiment-scores

Masks are filled rectangles [x, y, width, height] on a grid so small, and scores so round, that IoUs and scores often tie.
"""

import contextlib
import json
import os
import random
import sys

import numpy
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

SIZE = 8
CLASSES = 10


def rectangle(chance):
    x, y = chance.randrange(SIZE), chance.randrange(SIZE)
    return [x, y, chance.randint(1, SIZE - x), chance.randint(1, SIZE - y)]


def near(chance, objects):
    """An object's own rectangle and label, somewhat off, or anything."""
    if not objects or chance.random() < 0.3:
        return [chance.randint(1, CLASSES), *rectangle(chance)]
    label, *box = chance.choice(objects)
    if chance.random() < 0.5:
        side = chance.randrange(2)
        box[2 + side] = max(1, min(SIZE - box[side], box[2 + side] + chance.choice([-1, 1])))
    return [label, *box]


def random_set(seed):
    chance = random.Random(seed)
    labels = chance.sample(range(1, CLASSES + 1), chance.randint(1, 4))
    # The second set crowds a class of an image with more detections than count.
    most = 130 if seed == 1 else chance.choice([3, 8, 20])
    images = []
    for _ in range(chance.randint(1, 5)):
        objects = [[chance.choice(labels), *rectangle(chance)] for _ in range(chance.randint(0, 5))]
        # Digits of a hundredth: few enough to tie.
        detections = [
            [chance.randint(1, 99) / 100, *near(chance, objects if seed != 1 else objects[:1])]
            for _ in range(chance.randint(most // 2, most))
        ]
        images.append({"objects": objects, "detections": detections})
    # The first set has no objects at all.
    return [{**image, "objects": image["objects"] if seed else []} for image in images]


def encoded(box):
    x, y, width, height = box
    bits = numpy.zeros((SIZE, SIZE), dtype=numpy.uint8, order="F")
    bits[y : y + height, x : x + width] = 1
    return masks.encode(bits)


def judged(images):
    """AP by IoU threshold, and the precisions at 101 recalls for IoU 0.5 and 0.75: means over classes, −1 without any."""
    truth = COCO()
    annotations = [
        {"image_id": i, "category_id": label, "segmentation": encoded(box), "area": box[2] * box[3], "iscrowd": 0}
        for i, image in enumerate(images)
        for label, *box in image["objects"]
    ]
    truth.dataset = {
        "images": [{"id": i, "width": SIZE, "height": SIZE} for i in range(len(images))],
        "categories": [{"id": 1 + i} for i in range(CLASSES)],
        "annotations": [{"id": 1 + i, **annotation} for i, annotation in enumerate(annotations)],
    }
    truth.createIndex()
    found = truth.loadRes(
        [
            {"image_id": i, "category_id": label, "segmentation": encoded(box), "score": score}
            for i, image in enumerate(images)
            for score, label, *box in image["detections"]
        ]
    )
    evaluation = COCOeval(truth, found, "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # [IoU, recall, class]; −1 where a class has no objects

    def mean(values):
        present = values[values > -1]
        return float(present.mean()) if present.size else -1.0

    return {
        "ap": [mean(at) for at in precision],
        "curves": [[mean(at) for at in precision[i]] for i in (0, 5)],
    }


sets = []
with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
    for seed in range(int(sys.argv[1])):
        images = random_set(seed)
        sets.append({"images": images, **judged(images)})
print("[" + ",\n".join(json.dumps(each, separators=(",", ":")) for each in sets) + "]")
