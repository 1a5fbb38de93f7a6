"""Counts cells that were found, by masks as sets: slow and plain, to judge segmenters by."""

import numpy as np


def match(truth, found, iou=0.5):
    """Return (matched, true cells, found cells); above 0.5 no mask can match two."""
    matched = 0
    for label in np.unique(truth[truth > 0]):
        cell = truth == label
        for other in np.unique(found[cell & (found > 0)]):
            mask = found == other
            matched += np.count_nonzero(cell & mask) > iou * np.count_nonzero(cell | mask)
    return matched, np.unique(truth[truth > 0]).size, np.unique(found[found > 0]).size


def f1(pairs):
    """Return F1 at IoU 0.5 of (truth, found) pairs, pooled."""
    matched, true, found = np.sum([match(*pair) for pair in pairs], axis=0)
    return 2 * matched / (true + found)
