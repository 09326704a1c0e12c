// holdfast_timing: does the time that a comparison of secrets takes say where the two differ? As dudect does it
// (Reparaz, Balasch and Verbauwhede, 2017): two classes of inputs, one that differs in its first byte and one in its
// last, in random order; the slowest tenth, which others' work on the machine makes, is left out; Welch's t over the
// rest. memcmp stands beside them to show that a leak would be seen. One line each; judging is the reader's.
//
//   holdfast_timing --measurements 1000000
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "base/secret.h"
#include "vault/cipher.h"

namespace holdfast::bench {
namespace {

constexpr int kRepeats = 8;  // in one measurement: the clock itself takes as long as a comparison

using Compare = std::function<bool(ByteView)>;

/// Times of each class in ns, the slowest tenth of all left out.
using Classes = std::array<std::vector<double>, 2>;

/// `of` has the inputs of each class, which are looked at in the same place, for the place alone makes a difference.
Classes measure(std::size_t measurements, const std::array<Bytes, 2>& of, const Compare& compare) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::pair<double, std::size_t>> times;
  times.reserve(measurements);
  const Bytes coins = random_bytes(measurements);
  Bytes input = of[0];
  bool any = false;
  for (const char coin : coins) {
    const std::size_t of_class = static_cast<unsigned char>(coin) & 1;
    std::memcpy(input.data(), of[of_class].data(), input.size());
    const auto start = Clock::now();
    for (int i = 0; i < kRepeats; ++i) any |= compare(input);
    times.emplace_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count() / kRepeats, of_class);
  }
  HF_ASSERT(!any);  // none of them are equal
  std::sort(times.begin(), times.end());
  times.resize(times.size() * 9 / 10);
  Classes out;
  for (const auto& [time, of_class] : times) out[of_class].push_back(time);
  return out;
}

struct Moments {
  double mean = 0, variance = 0, count = 0;
};

Moments moments(const std::vector<double>& times) {
  Moments out;
  out.count = static_cast<double>(times.size());
  for (const double time : times) out.mean += time / out.count;
  for (const double time : times) out.variance += (time - out.mean) * (time - out.mean) / (out.count - 1);
  return out;
}

void report(const std::string& what, std::size_t measurements, const std::array<Bytes, 2>& of, const Compare& compare) {
  measure(measurements / 10, of, compare);  // the first ones find everything cold
  const Classes times = measure(measurements, of, compare);
  const Moments first = moments(times[0]), last = moments(times[1]);
  const double t = (last.mean - first.mean) / std::sqrt(first.variance / first.count + last.variance / last.count);
  fmt::print("{:<44} first byte {:8.2f} ns, last byte {:8.2f} ns, difference {:+7.3f} ns, t {:+8.1f}\n", what,
             first.mean, last.mean, last.mean - first.mean, t);
}

/// Two of `size` bytes that differ from `secret`, one at its beginning and one at its end.
std::array<Bytes, 2> guesses(const Bytes& secret) {
  std::array<Bytes, 2> out{secret, secret};
  out[0].front() = static_cast<char>(out[0].front() ^ 1);
  out[1].back() = static_cast<char>(out[1].back() ^ 1);
  return out;
}

void comparisons(std::size_t measurements) {
  for (const std::size_t size : {std::size_t{16}, std::size_t{32}, std::size_t{512}}) {
    const Bytes secret = random_bytes(size);
    const std::array<Bytes, 2> guess = guesses(secret);
    report(fmt::format("memcmp, {} bytes (for comparison)", size), measurements, guess, [&](ByteView input) {
      const volatile auto compared = std::memcmp(secret.data(), input.data(), size);
      return compared == 0;
    });
    report(fmt::format("equal_in_constant_time, {} bytes", size), measurements, guess,
           [&](ByteView input) { return equal_in_constant_time(secret, input); });
  }
}

void tags(std::size_t measurements) {
  const Key256 key = Key256::random();
  const Bytes plaintext = random_bytes(256);
  Bytes sealed;
  vault::seal(key, "place", plaintext, sealed);
  // Only the tag, which comes last, is wrong.
  std::array<Bytes, 2> forged{sealed, sealed};
  char& first = forged[0][sealed.size() - vault::kTagBytes];
  char& last = forged[1].back();
  first = static_cast<char>(first ^ 1), last = static_cast<char>(last ^ 1);
  Bytes out;
  report("a record's tag, AES-256-GCM, 256 bytes", measurements, forged,
         [&](ByteView input) { return vault::unseal(key, "place", input, out); });
}

int main_of(int argc, char** argv) {
  std::size_t measurements = 1'000'000;
  CLI::App program("Measures whether comparisons of secrets tell, by their time, where the two differ");
  program.add_option("--measurements", measurements)->check(CLI::Range(1000, 100'000'000))->capture_default_str();
  CLI11_PARSE(program, argc, argv);
  comparisons(measurements);
  tags(measurements / 4);
  return 0;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) { return holdfast::bench::main_of(argc, argv); }
