#pragma once

#include <cstdint>

#include "disclosure/value.h"

// How stored values are laid out; shared by what writes them (value_parse.cc) and what reads them (value.cc).
namespace holdfast::disclosure {

/// The first byte of a stored value. Never changes for a type, whatever becomes of the enum's order.
inline constexpr std::string_view kTypeCodes = "tidbDTuxl";
constexpr char code_of(agreement::FieldType type) { return kTypeCodes[static_cast<std::size_t>(type)]; }

/// Small for small magnitudes of either sign.
constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

inline constexpr std::int32_t kDaysMin = -719'162;   // 0001-01-01
inline constexpr std::int32_t kDaysMax = 2'932'896;  // 9999-12-31
inline constexpr UnixMillis kTimeMin = kDaysMin * std::int64_t{86'400'000};
inline constexpr UnixMillis kTimeMax = (kDaysMax + std::int64_t{1}) * 86'400'000 - 1;
inline constexpr std::int64_t kDurationMsMax = std::int64_t{10'000} * 366 * 86'400'000;  // ten thousand years

}  // namespace holdfast::disclosure
