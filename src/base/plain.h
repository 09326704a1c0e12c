#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// Text of somebody else's, shown to people who judge by it: on a terminal, in a log, before a signature.

/// Does this character change the direction in which what stands around it is written?
constexpr bool turns_writing(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E || c == 0x200F || c == 0x061C;
}

/// UTF-8 on one line, of which each character shows where its bytes stand: without control characters (C0, DEL, C1),
/// Unicode's line separators and byte order mark, and what changes the direction of writing.
bool is_plain_line(std::string_view text);
/// `text` with a '?' for each character that may not stand in such a line, and each byte that is no UTF-8; those of
/// ASCII in `kept` stay.
std::string to_plain(std::string_view text, std::string_view kept = {});

/// "1,234,567".
std::string with_commas(std::uint64_t count);
/// "1 request", "2,000 requests".
std::string counted(std::uint64_t count, std::string_view one, std::string_view many);

}  // namespace holdfast
