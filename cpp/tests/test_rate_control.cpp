// Which passes a slope keeps: those on the convex hull that are worth at least so much per byte.
#include "check.hpp"
#include "rate_control.hpp"

namespace {

using namespace flowroi;

BlockOutput block(std::initializer_list<std::pair<std::uint32_t, float>> passes) {
  BlockOutput out;
  for (const auto& [length, drop] : passes) {
    CodingPass pass;
    pass.length = length;
    pass.weighted_distortion_drop = drop;
    out.passes.push_back(pass);
  }
  return out;
}

void slope_cuts_each_block_on_its_hull() {
  // Slopes per byte: 10, 4, 1; and 1 then 5 (off the hull: 3 for both together), 0.5.
  const std::vector<BlockOutput> blocks{block({{10, 100}, {20, 40}, {30, 10}}), block({{10, 10}, {20, 50}, {30, 5}})};
  const std::vector<HullStep> steps = hull_steps(blocks, std::vector<float>{1, 1});
  const auto kept = [&](double slope) {
    const Allocation a = allocate_slope(blocks, steps, slope, 1);
    return std::pair<int, int>{a.final_passes(0), a.final_passes(1)};
  };
  CHECK((kept(11) == std::pair{0, 0}));
  CHECK((kept(5) == std::pair{1, 0}));
  CHECK((kept(3.5) == std::pair{2, 0}));
  CHECK((kept(3) == std::pair{2, 2}));
  CHECK((kept(1) == std::pair{3, 2}));
  CHECK((kept(0) == std::pair{3, 3}));
}

void layers_end_with_all_that_the_slope_keeps() {
  const std::vector<BlockOutput> blocks{block({{10, 100}, {20, 40}, {30, 10}})};
  const std::vector<HullStep> steps = hull_steps(blocks, std::vector<float>{1});
  const Allocation a = allocate_slope(blocks, steps, 2, 3);
  CHECK(a.passes(0, 0) <= a.passes(0, 1));
  CHECK(a.final_passes(0) == 2);
}

}  // namespace

int main() {
  slope_cuts_each_block_on_its_hull();
  layers_end_with_all_that_the_slope_keeps();
  return failures;
}
