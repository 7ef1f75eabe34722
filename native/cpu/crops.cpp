#include "crops.h"

#include <algorithm>
#include <iterator>

#include "../formulas/polygons.h"
#include "../formulas/roi_align.h"

// Compiled without contraction of products and sums, on which the positions of samples rely.

namespace roi {

void CropBuffer::Bins::reserve(int64_t count, int64_t pixels) {
  // Adjacent bins share up to three pixels; a bin of columns is followed by padding.
  bins.resize(static_cast<size_t>(count));
  weights.resize(static_cast<size_t>(pixels + count * (4 + kMostLanes)));
}

int64_t CropBuffer::Bins::set(float from, float to, int64_t count, int64_t pixels, bool aligned,
                              int64_t pad) {
  const roi_align::Axis axis = roi_align::axis(from, to, count, pixels, aligned);
  const bool inside = axis.samples > 0 && roi_align::is_inside(axis, count);
  const auto most = static_cast<float>(pixels);
  // The quotients of the first samples, which all bins share.
  float offsets[64];
  const int64_t known = std::min(axis.samples, static_cast<int64_t>(std::size(offsets)));
  for (int64_t i = 0; i < known; i++) offsets[i] = roi_align::offset_of(axis, i);
  int64_t used = 0;
  for (int64_t p = 0; p < count; p++) {
    CropBin& bin = bins[static_cast<size_t>(p)];
    bin = {0, 0, used};
    float* const of_bin = weights.data() + used;
    const float begins = roi_align::begin_of(axis, p);
    for (int64_t i = inside ? 0 : roi_align::first_at(axis, p, -1); i < axis.samples; i++) {
      const float at = begins + (i < known ? offsets[i] : roi_align::offset_of(axis, i));
      if (at > most) break;
      const auto [low, of_low, of_high] = roi_align::sample(at, pixels);
      if (bin.count == 0) bin.first = low;
      const int64_t last = std::min(low + 1, pixels - 1);
      for (; bin.first + bin.count <= last; bin.count++) of_bin[bin.count] = 0;
      of_bin[low - bin.first] += of_low;
      of_bin[last - bin.first] += of_high;
    }
    std::fill_n(of_bin + bin.count, pad, 0.0f);
    used += bin.count + pad;
  }
  return axis.samples;
}

bool CropRoom::holds(const CropRoom& other) const {
  return other.height <= height && other.width <= width && other.image_height <= image_height &&
         other.image_width <= image_width;
}

CropRoom CropRoom::with(const CropRoom& other) const {
  return {std::max(height, other.height), std::max(width, other.width),
          std::max(image_height, other.image_height), std::max(image_width, other.image_width)};
}

void CropBuffer::reserve(const CropRoom& room) {
  const auto pixels = static_cast<size_t>(room.height * room.width);
  rows_.reserve(room.height, room.image_height);
  columns_.reserve(room.width, room.image_width);
  line_.resize(static_cast<size_t>(room.image_width + 2 * kMostLanes));
  ring_.resize(pixels);
  drawn_.resize(pixels);
  target_.resize(pixels);
}

void CropBuffer::crop(const RowKernels& kernels, const Bitmap& bitmap, const Box& box, int64_t height,
                      int64_t width, bool aligned, float threshold, float* target) {
  const int64_t in_rows = rows_.set(box.y1, box.y2, height, bitmap.height, aligned, 0);
  const int64_t in_columns = columns_.set(box.x1, box.x2, width, bitmap.width, aligned, kMostLanes);
  int64_t begin = bitmap.width, end = 0;
  for (int64_t q = 0; q < width; q++) {
    const CropBin& bin = columns_.bins[static_cast<size_t>(q)];
    if (bin.count == 0) continue;
    begin = std::min(begin, bin.first);
    end = std::max(end, bin.first + bin.count);
  }
  if (begin >= end) {
    std::fill_n(target, height * width, 0.0f);
    return;
  }
  kernels.crop({bitmap.bits, bitmap.width, rows_.bins.data(), rows_.weights.data(), columns_.bins.data(),
                columns_.weights.data(), height, width, begin, end, line_.data(),
                static_cast<float>(std::max(in_rows * in_columns, int64_t{1})), threshold, target});
}

void CropBuffer::draw(const Rings& object, const Box& box, int64_t height, int64_t width, float* target) {
  const polygons::Placement across = polygons::placement(box.x1, box.x2, width);
  const polygons::Placement down = polygons::placement(box.y1, box.y2, height);
  const auto point = [&](int64_t i) -> polygons::Point {
    return {polygons::place(across, object.points[2 * i]), polygons::place(down, object.points[2 * i + 1])};
  };
  const int64_t pixels = height * width;
  std::fill_n(drawn_.begin(), pixels, uint8_t{0});
  for (int64_t s = object.first_ring; s < object.end_ring; s++) {
    const int64_t begin = object.rings[s], end = object.rings[s + 1];
    if (begin >= end) continue;
    std::fill_n(ring_.begin(), pixels, uint8_t{0});
    const auto cross = [&](int64_t x, int64_t y) {
      if (y < height) ring_[static_cast<size_t>(y * width + x)] ^= 1;
    };
    polygons::Point from = point(end - 1);
    for (int64_t i = begin; i < end; i++) {
      const polygons::Point to = point(i);
      polygons::for_each_crossing(polygons::line(from, to), width, height, cross);
      from = to;
    }
    // From crossings to what is inside, down the columns.
    for (int64_t i = 0; i < pixels; i++) {
      const auto at = static_cast<size_t>(i), above = static_cast<size_t>(i - width);
      if (i >= width) ring_[at] ^= ring_[above];
      drawn_[at] |= ring_[at];
    }
  }
  for (int64_t i = 0; i < pixels; i++) target[i] = drawn_[static_cast<size_t>(i)];
}

}  // namespace roi
