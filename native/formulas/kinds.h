#pragma once

#include <array>
#include <limits>
#include <tuple>
#include <type_traits>

#include "portable.h"

// What the lists of kinds are made of: mask_losses.h, box_losses.h and class_losses.h. A kind is a struct
// that declares its name, its options, and its formula; everything that depends on which kinds there are
// walks along a list.

namespace roi {

/// An option of a kind, a number: its name and default, and the range that it has to be in.
struct Option {
  const char* name;
  double standard, least, most;
};

constexpr double kUnbounded = std::numeric_limits<double>::infinity();
/// The least float that has all its digits, and a reciprocal.
constexpr double kLeastFloat = 0x1p-126;

using NoOptions = std::array<Option, 0>;

/// A few numbers, in host and device code: the values of a kind's options, in their order, or its sums.
template <class S, int kCount>
struct Values {
  S at[kCount > 0 ? kCount : 1];
  ROI_FORMULA S& operator[](int i) { return at[i]; }
  ROI_FORMULA const S& operator[](int i) const { return at[i]; }
};

template <class K>
constexpr int kOptionsOf = static_cast<int>(std::tuple_size_v<std::remove_const_t<decltype(K::kOptions)>>);

/// A kind's weight in a loss, 0 if it was not chosen, and the values of its options.
template <class K, class S>
struct Chosen {
  S weight;
  Values<S, kOptionsOf<K>> options;
};

template <class S>
struct ChosenAs {
  template <class K>
  using Of = Chosen<K, S>;
};

/// A list of kinds.
template <class... K>
struct Kinds {
  static constexpr int kCount = sizeof...(K);
  static constexpr int kNumbers = (0 + ... + (1 + kOptionsOf<K>));  ///< weights, and values of options
  template <class X>
  static constexpr bool has = (std::is_same_v<K, X> || ...);

  /// Something for each of them.
  template <template <class> class Of>
  struct All : Of<K>... {
    template <class X>
    ROI_FORMULA Of<X>& of() {
      return *this;
    }
    template <class X>
    ROI_FORMULA const Of<X>& of() const {
      return *this;
    }
  };
  /// All of them, as chosen for one loss.
  template <class S>
  using As = All<ChosenAs<S>::template Of>;

  /// Calls visit(K()) for each kind, in their order.
  template <class Visit>
  ROI_FORMULA static void each(Visit visit) {
    (visit(K()), ...);
  }
};

}  // namespace roi
