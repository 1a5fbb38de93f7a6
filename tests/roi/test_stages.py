"""The paper's stages one by one, on images whose answer is known."""

import numpy as np
import pytest
from scipy import ndimage

from flowroi.params import RoiParams
from flowroi.roi.denoise import denoise
from flowroi.roi.grey import GreyMapping
from flowroi.roi.mask import dilate, remove_small, roi_mask, top_share
from flowroi.roi.optical_flow import dense_flow
from flowroi.roi.overlay import draw_overlay
from flowroi.roi.reduced import reduce_frame
from flowroi.roi.saliency import motion_saliency


def texture(shape=(200, 240), seed=0, sigma=2.0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma)
    return np.clip(128 + 40 * noise / noise.std(), 0, 255)


def noise(shape, seed=0):
    return np.rint(np.random.default_rng(seed).normal(100, 2, shape)).astype(np.uint8)


def shifted(image, dy, dx):
    return ndimage.shift(image, (dy, dx), order=3, mode="nearest")


class TestFlow:
    @pytest.mark.parametrize(("dy", "dx"), [(0, 2), (1.5, -1), (-3, 0.5)])
    def test_known_translations_are_found(self, dy, dx):
        image = texture()
        flow = dense_flow(image.astype(np.float32), shifted(image, dy, dx).astype(np.float32))
        inner = flow[:, 30:-30, 30:-30]
        assert np.median(inner[0]) == pytest.approx(dy, abs=0.1)
        assert np.median(inner[1]) == pytest.approx(dx, abs=0.1)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 3), (17, 5), (64, 64)])
    def test_no_motion_is_no_flow_at_any_size(self, shape):
        plane = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
        flow = dense_flow(plane, plane)
        assert flow.shape == (2, *shape)
        assert np.abs(flow).max() == 0

    def test_the_noise_of_a_flat_background_hardly_flows(self):
        first, second = (reduce_frame(denoise(frame)) for frame in noise((2, 200, 240)))
        assert np.median(np.hypot(*dense_flow(first, second))) < 0.25


class TestSaliency:
    def test_nothing_moves(self):
        assert motion_saliency(np.zeros((2, 9, 9), np.float32), 0.7).max() == 0

    def test_alpha_weighs_magnitude_against_gradient(self):
        flow = np.zeros((2, 60, 60), np.float32)
        flow[0, 20:40, 20:40] = 3
        magnitude_only, both, gradient_only = (motion_saliency(flow, a) for a in (1.0, 0.7, 0.0))
        assert magnitude_only[30, 30] == 1
        assert gradient_only[30, 30] == 0
        assert gradient_only[20, 30] > 0.5
        assert 0.5 < both[30, 30] < both[20, 30] <= 1


class TestMask:
    @pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
    def test_the_share_is_kept_and_never_exceeded(self, share):
        saliency = np.random.default_rng(0).random((300, 300), np.float32)
        kept = top_share(saliency, share)
        assert share - 0.002 < kept.mean() <= share
        assert saliency[kept].min() >= saliency[~kept].max()

    def test_ties_stay_out(self):
        saliency = np.zeros((100, 100), np.float32)
        saliency[:40] = 0.5
        saliency[0] = 1
        assert top_share(saliency, 0.2).sum() == 100

    def test_small_components_go_and_margins_grow(self):
        saliency = np.zeros((100, 100), np.float32)
        saliency[10:30, 10:30] = 1
        saliency[60:64, 60:64] = 1
        params = RoiParams(min_area_px=200)
        mask = roi_mask(saliency, params)
        assert mask[20, 20]
        assert not mask[60:64, 60:64].any()
        grown = roi_mask(saliency, params.with_overrides(margin=3))
        assert grown[7, 20]
        assert not mask[7, 20]
        assert dilate(mask, 0) is mask
        assert remove_small(mask.view(np.uint8), 10_000).sum() == 0


def test_denoising_keeps_edges():
    rng = np.random.default_rng(0)
    clean = np.full((80, 80), 100.0)
    clean[:, 40:] = 180
    noisy = np.clip(clean + rng.normal(0, 6, clean.shape), 0, 255).astype(np.uint8)
    smooth = denoise(noisy)
    assert smooth[5:-5, 5:30].std() < noisy[5:-5, 5:30].std() / 2
    assert smooth[:, 45].mean() - smooth[:, 34].mean() > 70


def test_deep_frames_are_mapped_by_one_line():
    first = (np.random.default_rng(0).random((50, 50)) * 3000 + 500).astype(np.uint16)
    mapping = GreyMapping.of_first(first)
    assert set(mapping(first)[first == first.min()]) == {mapping(first).min()}
    brighter = mapping((first + 300).astype(np.uint16)).astype(int)
    assert np.median(brighter - mapping(first)) == pytest.approx(300 * 255 / (mapping.high - mapping.low), abs=1)
    constant = np.full((5, 5), 7, np.uint16)
    assert GreyMapping.of_first(constant)(constant).dtype == np.uint8


def test_overlays_mark_the_outline_only_lightly_inside():
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    frame = texture((40, 40)).astype(np.uint16) * 16
    picture = draw_overlay(frame, mask, truth=mask.astype(int))
    assert picture.dtype == np.uint8
    grey = picture[0, 0]
    assert grey[0] == grey[1] == grey[2]
    assert len(set(picture[10, 20].tolist())) == 3
