// NumPy arrays to the core's views, and back.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>

#include "flowroi/encoder.hpp"

namespace flowroi::bindings {

namespace nb = nanobind;

// (Y, X), C-contiguous, read-only.
template <typename T>
using Plane = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <typename T>
Frame frame_size(const Plane<T>& plane) {
  constexpr std::size_t most = UINT32_MAX;
  if (plane.shape(0) > most || plane.shape(1) > most) throw InvalidParameter("the frame is larger than 2^32 on a side");
  Frame frame;
  frame.height = static_cast<std::uint32_t>(plane.shape(0));
  frame.width = static_cast<std::uint32_t>(plane.shape(1));
  return frame;
}

inline Frame as_frame(const Plane<std::uint8_t>& plane) {
  Frame frame = frame_size(plane);
  frame.samples8 = plane.data();
  return frame;
}

inline Frame as_frame(const Plane<std::uint16_t>& plane) {
  Frame frame = frame_size(plane);
  frame.samples16 = plane.data();
  return frame;
}

template <typename T>
void require_same_size(const Frame& frame, const Plane<T>& roi) {
  if (roi.shape(0) != frame.height || roi.shape(1) != frame.width) {
    throw InvalidParameter("the RoI is " + std::to_string(roi.shape(0)) + "x" + std::to_string(roi.shape(1)) +
                           "; expected the frame's size, " + std::to_string(frame.height) + "x" +
                           std::to_string(frame.width));
  }
}

// 1 where the weights have the frame's size, 2 where they have half of it.
inline std::uint32_t weights_reduction(const Frame& frame, const Plane<float>& weights) {
  const auto half = [](std::uint32_t n) { return n / 2 + n % 2; };
  if (weights.shape(0) == frame.height && weights.shape(1) == frame.width) return 1;
  if (weights.shape(0) == half(frame.height) && weights.shape(1) == half(frame.width)) return 2;
  require_same_size(frame, weights);
  return 1;
}

}  // namespace flowroi::bindings
