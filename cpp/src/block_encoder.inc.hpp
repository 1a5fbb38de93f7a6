// The three coding passes over one code-block (ISO/IEC 15444-1, D.3). Included once for every instruction set, inside
// that variant's namespace.

inline constexpr std::uint64_t row_first = 0x1111111111111111;
inline constexpr std::uint64_t row_last = 0x8888888888888888;

// The neighbours of each bit of a word that come later in scan order within the word: below, and the next column.
inline constexpr auto later_neighbours = [] {
  std::array<std::uint64_t, 64> table{};
  for (unsigned b = 0; b < 64; ++b) {
    const unsigned row = b & 3U;
    std::uint64_t mask = 0;
    if (row < 3) mask |= std::uint64_t{1} << (b + 1);
    if (b < 60) {
      mask |= std::uint64_t{1} << (b + 4);
      if (row > 0) mask |= std::uint64_t{1} << (b + 3);
      if (row < 3) mask |= std::uint64_t{1} << (b + 5);
    }
    table[b] = mask;
  }
  return table;
}();

// Significance around one word of the map, itself included.
struct Surroundings {
  std::uint64_t any;         // zero if there is none at all
  std::uint64_t neighbours;  // samples with at least one significant neighbour
};

inline Surroundings surroundings(const std::uint64_t* map, std::ptrdiff_t across) {
  const std::uint64_t* up = map - across;
  const std::uint64_t* down = map + across;
  const std::uint64_t any = up[-1] | up[0] | up[1] | map[-1] | map[0] | map[1] | down[-1] | down[0] | down[1];
  if (any == 0) return {0, 0};
  const auto above_and_below = [&](int k) {
    const std::uint64_t m = map[k];
    return ((m << 1) & ~row_first) | ((m >> 1) & ~row_last) | ((up[k] >> 3) & row_first) | ((down[k] << 3) & row_last);
  };
  const std::uint64_t vertical = above_and_below(0);
  const std::uint64_t centre = vertical | map[0];
  const std::uint64_t left = above_and_below(-1) | map[-1];
  const std::uint64_t right = above_and_below(1) | map[1];
  return {any, vertical | (centre << 4) | (left >> 60) | (centre >> 4) | (right << 60)};
}

template <bool WithDistortion, bool Weighted>
class Tier1 {
 public:
  Tier1(const BlockInput& input, BlockEncoder& state, BlockOutput& output)
      : input_(input),
        state_(state),
        output_(output),
        mq_(state.buffer.data() + 1),
        contexts_(initial_mq_contexts()),
        zero_coding_(zero_coding_contexts[static_cast<std::size_t>(input.orientation)].data()),
        across_(static_cast<std::ptrdiff_t>(state.words_across) + 2) {}

  void run(std::uint32_t bit_planes) {
    for (std::uint32_t p = bit_planes; p-- > 0;) {
      plane_ = p;
      planes_ = state_.planes[p].data();
      step_ = static_cast<float>(std::uint64_t{1} << p);
      if (p + 1 < bit_planes) {
        significance_propagation();
        if (!finish_pass()) return;
        magnitude_refinement();
        if (!finish_pass()) return;
      }
      cleanup();
      if (!finish_pass()) return;
      std::fill(state_.visited.begin(), state_.visited.begin() + (state_.stripes + 2) * across_, 0);
    }
    const std::uint32_t size = mq_.flush();
    const std::uint8_t* bytes = state_.buffer.data() + 1;
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < output_.passes.size(); ++i) {
      length = truncation_length(state_.snapshots[i], bytes, size, length);
      output_.passes[i].length = length;
    }
    output_.bytes.assign(bytes, bytes + length);
  }

 private:
  struct At {
    std::uint32_t stripe;
    std::uint32_t word;
    std::uint32_t index;  // of the word in the maps
  };

  // Counts the squared error that a better reconstruction removes; `sample` is its place, 64 to a word.
  inline void reconstruct(std::size_t sample, float before, float after) {
    state_.reconstruction[sample] = after;
    const float drop = (after - before) * (2 * state_.magnitude[sample] - before - after);
    drop_ += static_cast<double>(drop);
    if constexpr (Weighted) weighted_drop_ += static_cast<double>(drop * state_.weight[sample]);
  }

  // Codes the sign of a sample that has just become significant and tells its neighbours.
  inline void become_significant(MqEncoder& mq, const At& at, unsigned b) {
    const unsigned row = b & 3U;
    std::uint64_t* window = state_.windows.data() + state_.window_index(at.stripe, 16 * at.word + (b >> 2));
    const std::uint32_t negative = static_cast<std::uint32_t>(state_.sign[at.index] >> b) & 1U;
    const auto low = static_cast<std::uint32_t>(*window >> (3 * row)) & window_mask;
    const auto high = static_cast<std::uint32_t>(*window >> (32 + 3 * row)) & window_mask;
    const std::uint8_t entry = sign_contexts[static_cast<std::size_t>(crosses[low] | crosses[high] << 4)];
    mq.encode(contexts_[entry & 0x7FU], negative ^ (entry >> 7));

    state_.significant[at.index] |= std::uint64_t{1} << b;
    const std::uint64_t one = 1 | (std::uint64_t{negative} << 32);
    const auto mark = [one](std::uint64_t* column, unsigned window_row) {
      column[-1] |= one << (3 * window_row + 2);
      column[0] |= one << (3 * window_row + 1);
      column[1] |= one << (3 * window_row);
    };
    const std::ptrdiff_t window_stride = static_cast<std::ptrdiff_t>(state_.width) + 2;
    mark(window, row + 1);
    if (row == 0) mark(window - window_stride, 5);
    if (row == 3) mark(window + window_stride, 0);

    if constexpr (WithDistortion) reconstruct(64 * std::size_t{at.index} + b, 0, 1.5F * step_);
  }

  inline std::uint32_t window_of(const At& at, unsigned b) const {
    const std::uint64_t window = state_.windows[state_.window_index(at.stripe, 16 * at.word + (b >> 2))];
    return static_cast<std::uint32_t>(window >> (3 * (b & 3U))) & window_mask;
  }

  void significance_propagation() {
    MqEncoder mq = mq_;
    for (std::uint32_t stripe = 0; stripe < state_.stripes; ++stripe) {
      for (std::uint32_t word = 0; word < state_.words_across; ++word) {
        const At at{stripe, word, state_.word_index(stripe, word)};
        const Surroundings around = surroundings(state_.significant.data() + at.index, across_);
        if (around.any == 0) continue;
        const std::uint64_t open = state_.valid(stripe, word) & ~state_.significant[at.index];
        std::uint64_t candidates = around.neighbours & open;
        if (candidates == 0) continue;
        const std::uint64_t bits = planes_[at.index];
        std::uint64_t visited = 0;
        while (candidates != 0) {
          const auto b = static_cast<unsigned>(std::countr_zero(candidates));
          candidates &= candidates - 1;
          visited |= std::uint64_t{1} << b;
          const std::uint32_t bit = static_cast<std::uint32_t>(bits >> b) & 1U;
          mq.encode(contexts_[zero_coding_[window_of(at, b)]], bit);
          if (bit != 0) {
            become_significant(mq, at, b);
            candidates |= later_neighbours[b] & open & ~visited;
          }
        }
        state_.visited[at.index] = visited;
      }
    }
    mq_ = mq;
  }

  void magnitude_refinement() {
    MqEncoder mq = mq_;
    const float half = 0.5F * step_;
    for (std::uint32_t stripe = 0; stripe < state_.stripes; ++stripe) {
      for (std::uint32_t word = 0; word < state_.words_across; ++word) {
        const At at{stripe, word, state_.word_index(stripe, word)};
        std::uint64_t members = state_.significant[at.index] & ~state_.visited[at.index];
        if (members == 0) continue;
        const std::uint64_t bits = planes_[at.index];
        const std::uint64_t refined = state_.refined[at.index];
        state_.refined[at.index] = refined | members;
        for (; members != 0; members &= members - 1) {
          const auto b = static_cast<unsigned>(std::countr_zero(members));
          const std::uint32_t bit = static_cast<std::uint32_t>(bits >> b) & 1U;
          int context = context_magnitude_later;
          if (((refined >> b) & 1U) == 0) {
            context =
                (window_of(at, b) & window_neighbours) != 0 ? context_magnitude_first : context_magnitude_first_alone;
          }
          mq.encode(contexts_[static_cast<std::size_t>(context)], bit);
          if constexpr (WithDistortion) {
            const std::size_t sample = 64 * std::size_t{at.index} + b;
            const float before = state_.reconstruction[sample];
            reconstruct(sample, before, bit != 0 ? before + half : before - half);
          }
        }
      }
    }
    mq_ = mq;
  }

  void cleanup() {
    MqEncoder mq = mq_;
    std::uint32_t empty_columns = 0;  // run-length decisions 0 not yet coded
    const auto catch_up = [&] {
      if (empty_columns != 0) mq.encode_zeros(contexts_[context_run_length], empty_columns);
      empty_columns = 0;
    };
    for (std::uint32_t stripe = 0; stripe < state_.stripes; ++stripe) {
      const bool whole = state_.rows_in(stripe) == 4;
      for (std::uint32_t word = 0; word < state_.words_across; ++word) {
        const At at{stripe, word, state_.word_index(stripe, word)};
        const std::uint64_t open =
            state_.valid(stripe, word) & ~state_.significant[at.index] & ~state_.visited[at.index];
        if (open == 0) continue;
        const std::uint64_t bits = planes_[at.index];
        if (whole && bits == 0 && surroundings(state_.significant.data() + at.index, across_).any == 0) {
          empty_columns += state_.columns_in(word);
          continue;
        }
        const std::uint64_t* windows = state_.windows.data() + state_.window_index(stripe, 16 * word);
        std::uint64_t rest = open;
        while (rest != 0) {
          const auto column = static_cast<unsigned>(std::countr_zero(rest)) >> 2;
          std::uint64_t members = rest & (std::uint64_t{0xF} << (4 * column));
          rest ^= members;
          if (whole && (members >> (4 * column)) == 0xF && static_cast<std::uint32_t>(windows[column]) == 0) {
            const std::uint64_t ones = bits & members;
            if (ones == 0) {
              ++empty_columns;
              continue;
            }
            catch_up();
            const auto b = static_cast<unsigned>(std::countr_zero(ones));
            mq.encode(contexts_[context_run_length], 1);
            mq.encode(contexts_[context_uniform], (b >> 1) & 1U);
            mq.encode(contexts_[context_uniform], b & 1U);
            become_significant(mq, at, b);
            members &= ~((std::uint64_t{2} << b) - 1);
          }
          if (members == 0) continue;
          catch_up();
          for (; members != 0; members &= members - 1) {
            const auto b = static_cast<unsigned>(std::countr_zero(members));
            const std::uint32_t bit = static_cast<std::uint32_t>(bits >> b) & 1U;
            mq.encode(contexts_[zero_coding_[window_of(at, b)]], bit);
            if (bit != 0) become_significant(mq, at, b);
          }
        }
      }
    }
    catch_up();
    mq_ = mq;
  }

  // False when this was the last pass asked for.
  bool finish_pass() {
    state_.snapshots.push_back(mq_.snapshot());
    CodingPass pass;
    pass.bit_plane = static_cast<std::uint8_t>(plane_);
    pass.distortion_drop = static_cast<float>(drop_);
    pass.weighted_distortion_drop = static_cast<float>(Weighted ? weighted_drop_ : drop_);
    output_.passes.push_back(pass);
    drop_ = 0;
    weighted_drop_ = 0;
    return output_.passes.size() < input_.max_passes;
  }

  const BlockInput& input_;
  BlockEncoder& state_;
  BlockOutput& output_;
  MqEncoder mq_;
  MqContexts contexts_;
  const std::uint8_t* zero_coding_;
  std::ptrdiff_t across_;
  std::uint32_t plane_ = 0;
  const std::uint64_t* planes_ = nullptr;
  float step_ = 0;
  double drop_ = 0;
  double weighted_drop_ = 0;
};

// Spreads the indices over the bit maps; most are zero, so eight are looked at together.
inline void fill_planes(const BlockInput& input, BlockEncoder& state) {
  const bool weighted = input.root_weights != nullptr;
  for (std::uint32_t y = 0; y < input.height; ++y) {
    const std::int32_t* row = input.index + std::size_t{y} * input.width;
    const std::uint32_t first_word = state.word_index(y / 4, 0);
    const auto put = [&](std::uint32_t x) {
      const std::int32_t value = row[x];
      const std::uint32_t word = first_word + x / 16;
      const std::uint64_t bit = std::uint64_t{1} << (4 * (x % 16) + y % 4);
      if (value < 0) state.sign[word] |= bit;
      const std::size_t sample = 64 * std::size_t{word} + 4 * (x % 16) + y % 4;
      state.magnitude[sample] = input.magnitude[std::size_t{y} * input.width + x];
      if (weighted) {
        const float root = input.root_weights[std::size_t{y} * input.root_weight_stride + x];
        state.weight[sample] = root * root;
      }
      auto magnitude = static_cast<std::uint32_t>(value < 0 ? -value : value);
      for (; magnitude != 0; magnitude &= magnitude - 1) {
        state.planes[static_cast<std::size_t>(std::countr_zero(magnitude))][word] |= bit;
      }
    };
    std::uint32_t x = 0;
    for (; x + 8 <= input.width; x += 8) {
      std::uint32_t mask = 0;
#if defined(__AVX2__)
      const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + x));
      const __m256i zeros = _mm256_cmpeq_epi32(values, _mm256_setzero_si256());
      mask = static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(zeros))) ^ 0xFFU;
#else
      for (std::uint32_t k = 0; k < 8; ++k) mask |= static_cast<std::uint32_t>(row[x + k] != 0) << k;
#endif
      for (; mask != 0; mask &= mask - 1) put(x + static_cast<std::uint32_t>(std::countr_zero(mask)));
    }
    for (; x < input.width; ++x) {
      if (row[x] != 0) put(x);
    }
  }
}

inline void encode_block(const BlockInput& input, BlockEncoder& state, BlockOutput& output) {
  const auto bit_planes = static_cast<std::uint32_t>(std::bit_width(input.all_bits));
  output.bit_planes = bit_planes;
  output.passes.clear();
  output.bytes.clear();
  if (bit_planes == 0) return;
  state.reset(input, bit_planes);
  fill_planes(input, state);
  if (!input.with_distortion) {
    Tier1<false, false>(input, state, output).run(bit_planes);
  } else if (input.root_weights == nullptr) {
    Tier1<true, false>(input, state, output).run(bit_planes);
  } else {
    Tier1<true, true>(input, state, output).run(bit_planes);
  }
}
