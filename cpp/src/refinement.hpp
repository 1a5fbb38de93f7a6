// Don't-care refinement: background pixels weigh little, so background coefficients near the RoI may take whatever
// values serve the RoI best, and most of them vanish. Iterated thresholding on the weighted squared error: kill what
// the dead zone kills, reconstruct, and give the weighted residual back to the coefficients.
#pragma once

#include "dwt.hpp"
#include "roi.hpp"

namespace flowroi {

// Iterations that pay for a scaling factor.
int default_refinement(double scaling_factor);

// Changes `coefficients` in place. The dead zones of `step`, in grey levels, decide what is killed.
void refine(const Frame& frame, std::uint32_t bit_depth, const PixelWeights& weights, const Geometry& geometry,
            const float* roots, double step, int iterations, const Kernels& kernels, DwtBuffers& buffers,
            std::vector<float>& work, float* coefficients);

}  // namespace flowroi
