#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast {

/// Appends `text` (UTF-8) in quotes, escaped as RFC 8259 §7 demands and no further.
void append_json_string(std::string& out, std::string_view text);

/// How many members the objects of `json`, a well-formed JSON text, have: a name that is there twice counts twice.
/// Parsers keep the last of two, or the first (RFC 8259 §4), so whoever looked at the text before us may have seen
/// another value than we do; with this the reader of an object can refuse it.
std::size_t json_members(std::string_view json);

/// Of such a text: the first name, as it is spelled, that stands before a value a second time; "" when none does.
std::string_view json_repeated_member(std::string_view json);

}  // namespace holdfast
