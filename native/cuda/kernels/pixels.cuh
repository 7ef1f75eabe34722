#pragma once

#include "elements.cuh"
#include "mask_roi.cuh"

// Where the pixels of masks lie, and how a warp reads them and writes their gradient.

namespace roi::cuda {

/// The pixels of a lane in a piece of its warp's share: where they lie, and what they are: kMaskQuads quads
/// of kWidth pixels, 4 or 1. Where memory allows, quads lie together and are one access. In each access the
/// lanes of a warp lie side by side. With one, two or four quads together, seven are seven accesses, four or
/// three; with two:
///
///     pixels of a warp    0 … 255        256 … 511      512 … 767      768 … 895
///     quads of a lane     0 1            2 3            4 5            6
///     first, count        0, 2           2, 2           4, 2           6, 1: two do not fit, half of them do
///     lane l begins at    8·l            256 + 8·l      512 + 8·l      768 + 4·l
///
/// What is not floats waits for its pass in the first registers of where the floats of its access will be.
/// A lane's targets y as bytes, two quads an access, bᵢ being the four bytes of quad i:
///
///     register         y[0]  y[1]  y[2]  y[3]  y[4]  y[5]  y[6]  y[7]
///     loaded           b₀    b₁    ·     ·     ·     ·     ·     ·
///     quad 1 unpacked  b₀    b₁    ·     ·     y     y     y     y
///     quad 0 unpacked  y     y     y     y     y     y     y     y     the last first: none is in its way
///
/// 16-bit logits wait likewise in z[4·v] and z[4·v + 1], and then the packed gradient of quad v until its
/// access is complete.
template <class T, int kElements>
struct Pixels {
  static constexpr int kWidth = kElements;
  using Word = typename Element<T>::Word;
  using Quad = Packed<T, kWidth>;
  static constexpr int kStep = kWarp * kWidth;
  static constexpr int kPiece = kMaskQuads * kStep;
  static constexpr bool kParked = kWidth == 4 && sizeof(Word) < sizeof(float);
  static constexpr int kMostTogether = kWidth == 4 ? kWidestAccess / static_cast<int>(sizeof(Quad)) : 1;

  int left;      ///< pixels of the warp's share from the lane's first on
  int together;  ///< up to so many quads are one access
  int quads;     ///< how many of the piece's there are, if together
  const Word* logits;
  const uint8_t* targets;
  Word* grad;
  float z[kMaskQuads *
          kWidth];  ///< logits, packed where they are not floats; then what a pass left in their place
  float y[kMaskQuads * kWidth];

  /// How far pixels lie apart. Vectors have no stride.
  static ROI_GPU int64_t distance(int pixels, const MaskStrides& strides) {
    return kWidth == 4 ? int64_t{pixels} : int64_t{pixels} * strides.pixel;
  }

  /// kCount quads from kFirst on that are one access, of kTogether where there are enough of them.
  template <int kFirst, int kCount, int kTogether>
  struct Access {
    static constexpr int first = kFirst, count = kCount, last = kFirst + kCount - 1;
    /// In pixels, from the lane's first.
    static ROI_GPU int offset() { return first * kStep - lane() * kWidth * (kTogether - count); }
  };

  /// Calls visit(access) for each access, whether its pixels are there or not: the widest first. Recursion in
  /// place of a loop, as an Access is a type: its numbers are known to the compiler.
  template <int kTogether = kMostTogether, class Visit>
  ROI_GPU void each_access(Visit visit) const {
    if constexpr (kTogether > 1)
      if (together < kTogether) return each_access<kTogether / 2>(visit);
    each_access_from<0, kTogether, kTogether>(visit);
  }
  template <int kFirst, int kCount, int kTogether, class Visit>
  static ROI_GPU void each_access_from(Visit visit) {
    if constexpr (kFirst + kCount <= kMaskQuads) {
      visit(Access<kFirst, kCount, kTogether>());
      each_access_from<kFirst + kCount, kCount, kTogether>(visit);
    } else if constexpr (kCount > 1) {
      each_access_from<kFirst, kCount / 2, kTogether>(visit);
    }
  }

  /// To the lane's first pixel in the piece that begins `begin` pixels into the warp's share.
  ROI_GPU void start(const MaskParams& m, const MaskRoi& roi, int begin) {
    together = 1;
    if constexpr (kMostTogether > 1) {
      const int widest = kWidestAccess >> m.log2_quad_bytes;
      together = m.together < widest ? m.together : widest;
    }
    const int share = roi.rank * m.share, first = share + begin + lane() * kWidth * together;
    const auto at = [&](const MaskStrides& s, int channel) {
      return wide_multiply_add(roi.p, s.roi, wide_multiply_add(channel, s.channel, distance(first, s)));
    };
    const int end = share + m.share < m.pixels ? share + m.share : m.pixels;
    left = roi.foreground ? end - first : 0;
    logits = static_cast<const Word*>(m.logits) + at(m.logit_strides, roi.logit_channel);
    targets = static_cast<const uint8_t*>(m.targets) +
              (wide_multiply_add(roi.p, m.pixels, first) << m.log2_target_size);
    grad = static_cast<Word*>(m.grad) + at(m.grad_strides, roi.grad_channel);
  }

  /// Calls visit(v) for each quad v that there is.
  template <class Visit>
  ROI_GPU void each(Visit visit) const {
#pragma unroll
    for (int v = 0; v < kMaskQuads; v++)
      if (kMostTogether == 1 ? v * kStep < left : v < quads) visit(v);
  }

  /// Brings what `read` will read into the L2 cache.
  ROI_GPU void prefetch(const MaskParams& m) const {
    each_access([&](auto access) {
      if (access.offset() >= left) return;
      gpu::prefetch(logits + distance(access.offset(), m.logit_strides));
      gpu::prefetch(targets + (int64_t{access.offset()} << m.log2_target_size));
    });
  }

  /// All loads are issued before the first is waited for.
  ROI_GPU void read(const MaskParams& m) {
    if constexpr (kMostTogether > 1) quads = 0;
    each_access([&](auto access) {
      if (access.offset() >= left) return;
      if constexpr (kMostTogether > 1) quads = access.last + 1;
      const Word* first = logits + distance(access.offset(), m.logit_strides);
      Quad packed[access.count];
      load_together<access.count>(reinterpret_cast<const Quad*>(first), packed);
#pragma unroll
      for (int i = 0; i < access.count; i++) hold(packed[i], access.first + i);
    });
    if constexpr (kWidth == 1)
      with_type(m.target_dtype, [&](auto type) { read_targets<decltype(type)>(); });
    else if (m.target_dtype == DType::kUint8)
      read_targets<uint8_t>();
    else if (std::is_same_v<T, float> || m.target_dtype == DType::kFloat32)
      read_targets<float>();
    else
      read_targets<T>();
  }

  /// What is not floats waits where they will be (the picture above): there are no registers to spare.
  template <class Target>
  ROI_GPU void read_targets() {
    using Packed = gpu::Packed<Target, kWidth>;
    constexpr bool kFloats = std::is_same_v<Target, float>;
    constexpr int kWords = kFloats ? 0 : sizeof(Packed) / sizeof(float);
    constexpr int kTogether = kWidestAccess / static_cast<int>(sizeof(Packed));
    constexpr int kMost = kTogether < kMostTogether ? kTogether : kMostTogether;
    each_access<kMost>([&](auto access) {
      if (access.offset() >= left) return;
      Packed packed[access.count];
      const auto* first = reinterpret_cast<const typename Element<Target>::Word*>(targets) + access.offset();
      load_together<access.count>(reinterpret_cast<const Packed*>(first), packed);
#pragma unroll
      for (int i = 0; i < access.count; i++) {
        if constexpr (kWords > 0)
          park(packed[i], y + access.first * kWidth + i * kWords);
        else
          unpack<Target, kWidth>(packed[i], y + (access.first + i) * kWidth);
      }
    });
    if constexpr (kWords > 0)
      each_access<kMost>([&](auto access) {
        if (access.offset() >= left) return;
#pragma unroll
        for (int i = access.count - 1; i >= 0; i--)
          unpack<Target, kWidth>(unpark<Packed>(y + access.first * kWidth + i * kWords),
                                 y + (access.first + i) * kWidth);
      });
  }

  /// Stores the access that ends with quad v of the gradient. Those before it wait in place of their logits.
  ROI_GPU void store(const MaskParams& m, int v, const float* x) {
    const Quad last = pack<T, kWidth>(x);
    if constexpr (kMostTogether > 1) hold(last, v);
    each_access([&](auto access) {
      if (v != access.last) return;
      Quad packed[access.count];
#pragma unroll
      for (int i = 0; i < access.count - 1; i++) packed[i] = held(access.first + i);
      packed[access.count - 1] = last;
      Word* first = grad + distance(access.offset(), m.grad_strides);
      store_together<access.count>(reinterpret_cast<Quad*>(first), packed);
    });
  }

  /// A quad in the registers of z.
  ROI_GPU void hold(const Quad& quad, int v) {
    if constexpr (kParked)
      park(quad, z + v * kWidth);
    else
      unpack<T, kWidth>(quad, z + v * kWidth);
  }
  ROI_GPU Quad held(int v) const {
    if constexpr (kParked)
      return unpark<Quad>(z + v * kWidth);
    else
      return pack<T, kWidth>(z + v * kWidth);
  }
  ROI_GPU void logits_of(int v, float* x) const {
    if constexpr (kParked) {
      unpack<T, kWidth>(held(v), x);
    } else {
#pragma unroll
      for (int k = 0; k < kWidth; k++) x[k] = z[v * kWidth + k];
    }
  }

  /// Calls visit(z, y, k) for each pixel, the k-th of a quad, then done(v) for the quad.
  template <class Visit, class Done>
  ROI_GPU void each_pixel(Visit visit, Done done) const {
    each([&](int v) {
      float logits[kWidth];
      logits_of(v, logits);
#pragma unroll
      for (int k = 0; k < kWidth; k++) visit(logits[k], y[v * kWidth + k], k);
      done(v);
    });
  }
  /// The same, where visit gives what takes the logit's place.
  template <class Visit, class Done>
  ROI_GPU void replace_logits(Visit visit, Done done) {
    each([&](int v) {
      float logits[kWidth];
      logits_of(v, logits);
#pragma unroll
      for (int k = 0; k < kWidth; k++) z[v * kWidth + k] = visit(logits[k], y[v * kWidth + k], k);
      done(v);
    });
  }
};

}  // namespace roi::cuda
