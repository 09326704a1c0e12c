#include "report/entries.h"

#include <fmt/format.h>

#include "base/result.h"

namespace holdfast::report {
namespace {

void put_number(Bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>((value & 0x7f) | 0x80));
  out.push_back(static_cast<char>(value));
}

std::uint64_t take_number(const Bytes& in, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(in[at++]);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

}  // namespace

void Entries::add(std::uint64_t index) {
  if (count_ == 0) {
    first_ = start_ = index;
    length_ = 1;
  } else {
    HF_ASSERT(index >= start_ + length_);
    if (index == start_ + length_) {
      ++length_;
    } else {
      put_number(packed_, start_ - packed_until_);
      put_number(packed_, length_);
      packed_until_ = start_ + length_;
      ++closed_;
      start_ = index;
      length_ = 1;
    }
  }
  ++count_;
}

void Entries::each_run(const std::function<bool(std::uint64_t, std::uint64_t)>& take) const {
  if (count_ == 0) return;
  std::size_t at = 0;
  std::uint64_t position = 0;
  while (at < packed_.size()) {
    const std::uint64_t start = position + take_number(packed_, at);
    position = start + take_number(packed_, at);
    if (!take(start, position - 1)) return;
  }
  take(start_, start_ + length_ - 1);
}

std::string Entries::text(std::uint64_t runs_max) const {
  std::string out;
  std::uint64_t shown = 0;
  each_run([&](std::uint64_t first, std::uint64_t last) {
    if (shown == runs_max) return false;
    if (shown++ > 0) out += ", ";
    out += first == last ? fmt::format("{}", first) : fmt::format("{}–{}", first, last);
    return true;
  });
  if (runs() > shown) out += fmt::format(" and {} more run{}", runs() - shown, runs() - shown == 1 ? "" : "s");
  return out;
}

}  // namespace holdfast::report
