#include "disclosure/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace holdfast::disclosure {
namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Calls `each(bytes of one code point, code point)` until it answers false.
template <class Each>
void for_each_point(std::string_view text, Each each) {
  while (!text.empty()) {
    utf8proc_int32_t point = 0;
    const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                       static_cast<utf8proc_ssize_t>(text.size()), &point);
    if (size <= 0 || !each(text.substr(0, static_cast<std::size_t>(size)), point)) return;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
}

bool has_long_run_of_marks(std::string_view text) {
  constexpr int run_max = 32;
  int run = 0;
  for_each_point(text, [&run](std::string_view, utf8proc_int32_t point) {
    run = utf8proc_get_property(point)->combining_class != 0 ? run + 1 : 0;
    return run <= run_max;
  });
  return run > run_max;
}

/// Calls `each(bytes of one code point, index of its character)` until it answers false.
template <class Each>
void for_each_character(std::string_view text, Each each) {
  utf8proc_int32_t before = 0, state = 0;
  std::size_t index = 0;
  bool first = true;
  for_each_point(text, [&](std::string_view bytes, utf8proc_int32_t point) {
    if (!first && utf8proc_grapheme_break_stateful(before, point, &state)) ++index;
    first = false;
    before = point;
    return each(bytes, index);
  });
}

}  // namespace

std::string to_nfc(std::string_view text) {
  if (is_ascii(text) || has_long_run_of_marks(text)) return std::string(text);
  utf8proc_uint8_t* mapped = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &mapped, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, std::free);
  if (size < 0) return std::string(text);  // not UTF-8, which no stored text is
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
}

std::string first_characters(std::string_view text, std::size_t count, std::size_t points_max) {
  // When the character behind the last one wanted is ASCII too, nothing can attach itself to what is cut.
  if (is_ascii(text.substr(0, count + 1))) return std::string(text.substr(0, count));
  std::string kept;
  std::size_t character = 0, points = 0;
  for_each_character(text, [&](std::string_view bytes, std::size_t index) {
    if (index >= count) return false;
    points = index == character ? points + 1 : 1;
    character = index;
    if (points <= points_max) kept.append(bytes);
    return true;
  });
  // Normalised after the cut: canonically equivalent texts have the same boundaries (UAX #29 §3.1), and so a long
  // text need not be normalised for its first three characters.
  return to_nfc(kept);
}

bool is_longer_than(std::string_view text, std::size_t count) {
  bool longer = false;
  for_each_character(text, [&](std::string_view, std::size_t index) {
    longer = index >= count;
    return !longer;
  });
  return longer;
}

}  // namespace holdfast::disclosure
