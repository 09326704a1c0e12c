#pragma once

#include <string>
#include <string_view>

namespace holdfast::disclosure {

/// `text` (UTF-8) in Unicode's form NFC. A text with more than 32 marks in a row, which no writing has, comes back as
/// it is: sorting such marks takes time that grows with the square of their number.
std::string to_nfc(std::string_view text);

/// The first `count` characters as people count them (extended grapheme clusters, UAX #29) of `text`, in NFC. Of each
/// character at most `points_max` code points.
std::string first_characters(std::string_view text, std::size_t count, std::size_t points_max);

/// Has `text` more than `count` of them?
bool is_longer_than(std::string_view text, std::size_t count);

}  // namespace holdfast::disclosure
