#include "sealed/worker/memory_cap.h"

#include <algorithm>

namespace holdfast::sealed::worker {
namespace {

constexpr std::uint8_t kMemorySection = 5;
constexpr std::uint8_t kHasMaximum = 1;
constexpr std::uint64_t kWasmPageBytes = 65536;

/// LEB128 of at most five bytes; false at the end of `in` or when it is longer.
bool take_leb(std::span<const std::uint8_t>& in, std::uint32_t& value) {
  std::uint64_t out = 0;
  for (unsigned shift = 0; shift < 35 && !in.empty(); shift += 7) {
    const std::uint8_t byte = in.front();
    in = in.subspan(1);
    out |= std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) {
      value = static_cast<std::uint32_t>(out);
      return out <= UINT32_MAX;
    }
  }
  return false;
}

void put_leb(std::vector<std::uint8_t>& out, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
  out.push_back(static_cast<std::uint8_t>(value));
}

}  // namespace

bool cap_memory(std::span<const std::uint8_t> module, std::uint64_t memory_bytes_max, std::vector<std::uint8_t>& out,
                std::string& problem) {
  out.assign(module.begin(), module.end());
  if (module.size() < 8) return true;
  auto in = module.subspan(8);
  while (!in.empty()) {
    const std::size_t section_at = module.size() - in.size();
    const std::uint8_t id = in.front();
    in = in.subspan(1);
    std::uint32_t bytes = 0;
    if (!take_leb(in, bytes) || bytes > in.size()) return true;
    auto body = in.first(bytes);
    in = in.subspan(bytes);
    if (id != kMemorySection) continue;

    std::uint32_t memories = 0, minimum = 0, maximum = UINT32_MAX;
    if (!take_leb(body, memories) || memories != 1 || body.empty()) return true;
    const std::uint8_t flags = body.front();
    body = body.subspan(1);
    if (flags > kHasMaximum || !take_leb(body, minimum)) return true;  // shared and 64-bit ones the engine refuses
    if (flags == kHasMaximum && !take_leb(body, maximum)) return true;
    if (!body.empty()) return true;
    const auto pages_max =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(memory_bytes_max / kWasmPageBytes, 65536));
    if (minimum > pages_max) {
      problem = "its memory starts with " + std::to_string(minimum) + " pages of 64 KiB and may have " +
                std::to_string(pages_max);
      return false;
    }
    std::vector<std::uint8_t> limits{1, kHasMaximum};
    put_leb(limits, minimum);
    put_leb(limits, std::min(maximum, pages_max));
    out.resize(section_at);
    out.push_back(kMemorySection);
    put_leb(out, static_cast<std::uint32_t>(limits.size()));
    out.insert(out.end(), limits.begin(), limits.end());
    out.insert(out.end(), in.begin(), in.end());
    return true;
  }
  return true;
}

}  // namespace holdfast::sealed::worker
