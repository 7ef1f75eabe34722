#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "../formulas/boxes.h"
#include "rows.h"

// A RoI's mask target from its object's mask: a bitmap of the image by RoIAlign, or polygons.

namespace roi {

using Box = boxes::Box<float>;

/// Bits of an image, a byte each: anything but 0 is the object.
struct Bitmap {
  const uint8_t* bits;
  int64_t height, width;
};

/// Polygons, packed: ring s has the points from rings[s] to rings[s + 1].
struct Rings {
  const float* points;           ///< [V, 2]
  const int32_t* rings;          ///< [S + 1]
  int64_t first_ring, end_ring;  ///< those of the object
};

/// Sizes of targets, and of the bitmaps that they are cropped from, 0 for none.
struct CropRoom {
  int64_t height = 0, width = 0, image_height = 0, image_width = 0;

  bool holds(const CropRoom& other) const;
  CropRoom with(const CropRoom& other) const;
};

/// Room of one thread for crops.
class CropBuffer {
 public:
  /// Throws std::bad_alloc.
  void reserve(const CropRoom& room);

  /// Room for a target, where it is not to be kept.
  float* target() { return target_.data(); }

  /// RoIAlign of the bitmap in `box`, [height, width]: the mean over each bin, at least `threshold` as 0 or 1
  /// unless that is 0. `aligned` as in roi_align.h.
  void crop(const RowKernels& kernels, const Bitmap& bitmap, const Box& box, int64_t height, int64_t width,
            bool aligned, float threshold, float* target);

  /// 1 where a pixel of `box`, cut into height × width of them, is in one of the rings, else 0.
  void draw(const Rings& rings, const Box& box, int64_t height, int64_t width, float* target);

 private:
  /// What each bin of an axis takes.
  struct Bins {
    std::vector<CropBin> bins;
    std::vector<float> weights;

    void reserve(int64_t bins, int64_t pixels);
    /// Returns the samples in a bin. `pad`: weights of 0 behind those of each bin.
    int64_t set(float from, float to, int64_t count, int64_t pixels, bool aligned, int64_t pad);
  };

  Bins rows_, columns_;
  std::vector<float> line_, target_;
  std::vector<uint8_t> ring_, drawn_;
};

}  // namespace roi
