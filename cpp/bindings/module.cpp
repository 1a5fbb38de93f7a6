// The Python module flowroi._core: one function that encodes a frame with the GIL released.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <string>
#include <variant>

#include "arrays.hpp"
#include "flowroi/encoder.hpp"

namespace flowroi::bindings {
namespace {

using StatisticsDict = nb::typed<nb::dict, nb::str, nb::any>;

StatisticsDict statistics_of(const Statistics& s) {
  nb::dict out;
  out["bytes"] = s.bytes;
  out["crc32"] = s.crc32;
  out["header_bytes"] = s.header_bytes;
  out["passes_coded"] = s.passes_coded;
  out["passes_kept"] = s.passes_kept;
  out["code_blocks"] = s.code_blocks;
  out["tier1_runs"] = s.tier1_runs;
  out["step"] = s.step;
  out["predicted_mse"] = s.predicted_mse;
  out["predicted_weighted_mse"] = s.predicted_weighted_mse;
  out["mse"] = s.mse;
  out["roi_mse"] = s.roi_mse;
  out["background_mse"] = s.background_mse;
  return StatisticsDict(out);
}

using Result = nb::typed<nb::tuple, nb::bytes, StatisticsDict>;

Result run(const Frame& frame, const Roi& roi, const Params& params) {
  static thread_local Scratch scratch;
  Encoded encoded;
  {
    nb::gil_scoped_release release;
    encoded = encode(frame, roi, params, scratch);
  }
  return Result(
      nb::make_tuple(nb::bytes(encoded.bytes.data(), encoded.bytes.size()), statistics_of(encoded.statistics)));
}

template <typename Sample>
Result encode_plane(const Plane<Sample>& plane, const std::optional<Plane<std::uint8_t>>& mask,
                    const std::optional<Plane<float>>& weights, const Params& params) {
  const Frame frame = as_frame(plane);
  Roi roi;
  if (mask) {
    require_same_size(frame, *mask);
    roi.mask = mask->data();
  }
  if (weights) {
    roi.weights_reduction = weights_reduction(frame, *weights);
    roi.weights = weights->data();
  }
  return run(frame, roi, params);
}

void bind_params(nb::module_& m) {
  nb::enum_<Container>(m, "Container").value("jp2", Container::jp2).value("j2k", Container::codestream);
  nb::enum_<Progression>(m, "Progression")
      .value("LRCP", Progression::lrcp)
      .value("RLCP", Progression::rlcp)
      .value("RPCL", Progression::rpcl)
      .value("PCRL", Progression::pcrl)
      .value("CPRL", Progression::cprl);
  nb::enum_<RoiMode>(m, "RoiMode").value("scaling", RoiMode::scaling).value("maxshift", RoiMode::maxshift);
  nb::enum_<Lossless>(m, "Lossless")
      .value("none", Lossless::none)
      .value("all", Lossless::all)
      .value("roi", Lossless::roi);
  nb::enum_<Simd>(m, "Simd").value("automatic", Simd::automatic).value("portable", Simd::portable);
  nb::class_<Params>(m, "Params")
      .def(nb::init<>())
      .def_rw("bit_depth", &Params::bit_depth)
      .def_rw("significant_bits", &Params::significant_bits)
      .def_rw("levels", &Params::levels)
      .def_rw("code_block_width_exp", &Params::code_block_width_exp)
      .def_rw("code_block_height_exp", &Params::code_block_height_exp)
      .def_rw("layers", &Params::layers)
      .def_rw("progression", &Params::progression)
      .def_rw("container", &Params::container)
      .def_rw("tlm", &Params::tlm, nb::arg().none())
      .def_rw("plt", &Params::plt, nb::arg().none())
      .def_rw("roi_mode", &Params::roi_mode)
      .def_rw("scaling_factor", &Params::scaling_factor)
      .def_rw("refinement", &Params::refinement, nb::arg().none())
      .def_rw("budget_bytes", &Params::budget_bytes, nb::arg().none())
      .def_rw("psnr", &Params::psnr, nb::arg().none())
      .def_rw("step", &Params::step, nb::arg().none())
      .def_rw("lossless", &Params::lossless)
      .def_rw("measure", &Params::measure)
      .def_rw("comment", &Params::comment)
      .def_rw("simd", &Params::simd);
}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "The JPEG 2000 RoI encoder (C++).";
  bind_params(m);
  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const UnreachableTarget& e) {
      PyErr_SetString(PyExc_ArithmeticError, e.what());
    }
  });
  const char* doc =
      "Encode one (Y, X) frame; returns the stream and its statistics. Raises ValueError for parameters the encoder "
      "cannot honour and ArithmeticError for a target that the frame cannot reach.";
  m.def("encode", &encode_plane<std::uint8_t>, nb::arg("frame").noconvert(), nb::arg("mask").none().noconvert(),
        nb::arg("weights").none().noconvert(), nb::arg("params"), doc);
  m.def("encode", &encode_plane<std::uint16_t>, nb::arg("frame").noconvert(), nb::arg("mask").none().noconvert(),
        nb::arg("weights").none().noconvert(), nb::arg("params"), doc);
  m.def("simd_name", &simd_name, "Name of the instruction set that the encoder uses on this machine.");
  m.attr("MAX_SIDE") = max_side;
}

}  // namespace flowroi::bindings
