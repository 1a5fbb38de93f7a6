// Post-compression rate-distortion optimisation (ISO/IEC 15444-1, J.14.3).
#include "rate_control.hpp"

#include <algorithm>

namespace flowroi {
namespace {

struct Vertex {
  std::uint16_t passes;
  std::uint32_t length;
  double drop;
};

double slope_between(const Vertex& a, const Vertex& b) {
  const std::uint32_t bytes = b.length - a.length;
  return bytes == 0 ? 1e30 : (b.drop - a.drop) / bytes;
}

// Upper convex hull of (length, distortion removed).
void hull_of(const BlockOutput& block, std::vector<Vertex>& hull) {
  hull.clear();
  hull.push_back({0, 0, 0.0});
  double drop = 0;
  for (std::size_t i = 0; i < block.passes.size(); ++i) {
    drop += static_cast<double>(block.passes[i].weighted_distortion_drop);
    const Vertex v{static_cast<std::uint16_t>(i + 1), block.passes[i].length, drop};
    if (drop <= hull.back().drop) continue;
    while (hull.size() > 1 && slope_between(hull[hull.size() - 2], hull.back()) <= slope_between(hull.back(), v)) {
      hull.pop_back();
    }
    hull.push_back(v);
  }
}

// Takes steps [first, last) into every layer from `layer` on.
void take(std::span<const HullStep> steps, std::size_t first, std::size_t last, std::uint32_t layer,
          Allocation& allocation) {
  for (std::size_t i = first; i < last; ++i) {
    for (std::uint32_t l = layer; l < allocation.layers(); ++l) allocation.passes(steps[i].block, l) = steps[i].passes;
  }
}

// First step at which the running sum of bytes exceeds `bytes`.
std::size_t cut_at(std::span<const HullStep> steps, std::size_t bytes) {
  std::size_t sum = 0;
  std::size_t i = 0;
  while (i < steps.size() && sum + steps[i].bytes <= bytes) sum += steps[i++].bytes;
  return i;
}

Allocation layered(std::span<const BlockOutput> blocks, std::span<const HullStep> steps, std::size_t cut,
                   std::uint32_t layers) {
  Allocation allocation(blocks.size(), layers);
  std::size_t total = 0;
  for (std::size_t i = 0; i < cut; ++i) total += steps[i].bytes;
  std::size_t first = 0;
  for (std::uint32_t layer = 0; layer + 1 < layers; ++layer) {
    const std::uint32_t halvings = std::min(layers - 1 - layer, 40U);
    const std::size_t last = std::max(first, std::min(cut, cut_at(steps, total >> halvings)));
    take(steps, first, last, layer, allocation);
    first = last;
  }
  take(steps, first, cut, layers - 1, allocation);
  return allocation;
}

}  // namespace

std::vector<HullStep> hull_steps(std::span<const BlockOutput> blocks, std::span<const float> scales) {
  std::vector<HullStep> steps;
  std::vector<Vertex> hull;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    hull_of(blocks[b], hull);
    for (std::size_t i = 1; i < hull.size(); ++i) {
      steps.push_back({static_cast<float>(slope_between(hull[i - 1], hull[i]) * static_cast<double>(scales[b])),
                       static_cast<std::uint32_t>(b), hull[i].passes, hull[i].length - hull[i - 1].length});
    }
  }
  std::sort(steps.begin(), steps.end(), [](const HullStep& a, const HullStep& b) {
    if (a.slope != b.slope) return a.slope > b.slope;
    return a.block != b.block ? a.block < b.block : a.passes < b.passes;
  });
  return steps;
}

Allocation allocate_all(std::span<const BlockOutput> blocks, std::span<const HullStep> steps, std::uint32_t layers) {
  Allocation allocation = layered(blocks, steps, steps.size(), layers);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    allocation.passes(b, layers - 1) = static_cast<std::uint16_t>(blocks[b].passes.size());
  }
  return allocation;
}

Allocation allocate_slope(std::span<const BlockOutput> blocks, std::span<const HullStep> steps, double slope,
                          std::uint32_t layers) {
  const auto flatter =
      std::find_if(steps.begin(), steps.end(), [&](const HullStep& s) { return static_cast<double>(s.slope) < slope; });
  return layered(blocks, steps, static_cast<std::size_t>(flatter - steps.begin()), layers);
}

bool allocate_budget(std::span<const BlockOutput> blocks, std::span<const HullStep> steps, std::size_t budget,
                     const std::function<std::size_t(const Allocation&)>& size_of, Allocation& allocation) {
  const std::uint32_t layers = allocation.layers();
  allocation = Allocation(blocks.size(), layers);
  const std::size_t empty = size_of(allocation);
  if (empty > budget) return false;
  // The headers grow with what is in them, so the bytes left for bodies are found by a few corrections.
  std::size_t body = budget - empty;
  std::size_t cut = 0;
  for (int attempt = 0; attempt < 12; ++attempt) {
    cut = cut_at(steps, body);
    allocation = layered(blocks, steps, cut, layers);
    const std::size_t size = size_of(allocation);
    if (size <= budget) {
      const std::size_t slack = budget - size;
      if (attempt >= 3 || cut == steps.size() || slack <= budget / 256) break;
      body += slack * 3 / 4;
    } else {
      body -= std::min(body, size - budget);
    }
  }
  while (cut > 0 && size_of(allocation) > budget) {
    cut -= std::min<std::size_t>(cut, 4);
    allocation = layered(blocks, steps, cut, layers);
  }
  // What is left takes steps further down the list that are small enough, if all before them in their block are in.
  std::size_t size = size_of(allocation);
  constexpr std::size_t header_margin = 6;
  std::vector<bool> closed(blocks.size(), false);
  Allocation grown = allocation;
  std::size_t spent = 0;
  for (std::size_t i = cut; i < steps.size() && size + spent + header_margin < budget; ++i) {
    const HullStep& step = steps[i];
    if (closed[step.block] || size + spent + step.bytes + header_margin > budget) {
      closed[step.block] = true;
      continue;
    }
    grown.passes(step.block, layers - 1) = step.passes;
    spent += step.bytes + header_margin / 2;
  }
  if (spent > 0 && size_of(grown) <= budget) allocation = grown;
  return true;
}

}  // namespace flowroi
