// Limits of the coding parameters (ISO/IEC 15444-1, A.5 and A.6), checked once before any work.
#pragma once

#include "flowroi/encoder.hpp"

namespace flowroi {

// Throws InvalidParameter with the value seen, the limit and the way out.
void validate(const Frame& frame, const Roi& roi, const Params& params);

}  // namespace flowroi
