#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agreement/plan.h"

namespace holdfast::agreement {

/// How quantities are spelled in an agreement. All read one exact spelling: digits without sign or leading zero, one
/// space where words meet; anything else is nothing.

/// A letter, then letters, digits, '-' or '_'; at most 64; none of the words that YAML readers take for a truth value.
bool is_name(std::string_view text);
/// Above zero, at most 10^15.
std::optional<std::uint64_t> parse_count(std::string_view text);
/// "5y", "400d", "36h": years of 365 days; at most 100 years.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);
/// "512B", "16KiB", "2MiB"; at most 64 MiB.
std::optional<std::size_t> parse_size(std::string_view text);
/// A decimal number as JSON writes it, not negative.
std::optional<double> parse_decimal(std::string_view text);
std::optional<Limit::Window> parse_window(std::string_view text);
std::string_view to_string(Limit::Window);
/// "200 subjects per day", "1000 records per hour": a Limit without a name.
std::optional<Limit> parse_limit(std::string_view text);
/// "64KiB per release": bytes.
std::optional<std::size_t> parse_release_size(std::string_view text);
/// "100000 subjects per 12 months", "5000 devices per day": a rolling Limit without a name.
std::optional<Limit> parse_rolling_limit(std::string_view text);

/// "19.9 %": above 0, at most 100, at most four decimals.
std::optional<SharePpm> parse_share(std::string_view text);

std::optional<Role> parse_role(std::string_view text);
std::optional<FieldType> parse_field_type(std::string_view text);
/// An ISO 3166-1 alpha-2 code now assigned.
bool is_country(std::string_view text);

}  // namespace holdfast::agreement
