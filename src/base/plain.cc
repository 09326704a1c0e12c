#include "base/plain.h"

#include <utf8proc.h>

namespace holdfast {
namespace {

bool is_plain(utf8proc_int32_t c) {
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return false;
  if (c == 0x2028 || c == 0x2029 || c == 0xFEFF) return false;
  return !turns_writing(static_cast<char32_t>(c));
}

/// Calls `visit(bytes, plain)` for each character, and for each byte that belongs to none, until it answers false.
template <class Visit>
void each_character(std::string_view text, Visit visit) {
  while (!text.empty()) {
    utf8proc_int32_t point = 0;
    const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &point);
    const std::size_t size = used > 0 ? static_cast<std::size_t>(used) : 1;
    if (!visit(text.substr(0, size), used > 0 && is_plain(point))) return;
    text.remove_prefix(size);
  }
}

}  // namespace

bool is_plain_line(std::string_view text) {
  bool plain = true;
  each_character(text, [&plain](std::string_view, bool good) { return plain = good; });
  return plain;
}

std::string to_plain(std::string_view text, std::string_view kept) {
  std::string out;
  out.reserve(text.size());
  each_character(text, [&](std::string_view bytes, bool good) {
    const bool stays = good || (bytes.size() == 1 && kept.find(bytes.front()) != std::string_view::npos);
    stays ? out.append(bytes) : out.append(1, '?');
    return true;
  });
  return out;
}

std::string with_commas(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return with_commas(count).append(" ").append(count == 1 ? one : many);
}

}  // namespace holdfast
