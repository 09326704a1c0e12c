#pragma once

#include <array>
#include <cstdint>

namespace holdfast::disclosure {

/// Random numbers for differential privacy, from the kernel's generator, in whole numbers only: noise made with
/// floating point tells what it is meant to hide (Mironov, "On Significance of the Least Significant Bits for
/// Differential Privacy", 2012). Not for two threads at once.
class Noise {
 public:
  Noise() = default;
  ~Noise();
  Noise(const Noise&) = delete;
  Noise& operator=(const Noise&) = delete;

  /// Any number below `bound` (not 0), each as likely as another.
  std::uint64_t below(std::uint64_t bound);
  /// A draw from exactly the discrete Laplace distribution: x with a probability in proportion to exp(-|x|·s/t). Both
  /// are above 0 and at most kScaleMax. (Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy",
  /// 2020, algorithm 2.)
  std::int64_t laplace(std::uint64_t t, std::uint64_t s);

  static constexpr std::uint64_t kScaleMax = std::uint64_t{1} << 56;

 private:
  std::uint64_t word();
  /// True with probability exp(-num/den); num <= den.
  bool exp_minus(std::uint64_t num, std::uint64_t den);

  std::array<std::uint64_t, 64> drawn_{};
  std::size_t next_ = drawn_.size();
};

}  // namespace holdfast::disclosure
