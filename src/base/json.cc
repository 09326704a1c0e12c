#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

namespace holdfast {
namespace {

/// The quote that ends the string whose quote stands at `open`, or the end. Searched quote by quote: nearly all of a
/// text lies within strings, and one character is looked for a vector at a time.
std::size_t end_of_string(std::string_view json, std::size_t open) {
  for (std::size_t at = json.find('"', open + 1);; at = json.find('"', at + 1)) {
    if (at == std::string_view::npos) return json.size();
    std::size_t first = at;  // of the backslashes before it
    while (json[first - 1] == '\\') --first;
    if ((at - first) % 2 == 0) return at;
  }
}

constexpr std::array<bool, 256> kEscaped = [] {
  std::array<bool, 256> out{};
  for (std::size_t i = 0; i < 0x20; ++i) out[i] = true;
  out['"'] = out['\\'] = true;
  return out;
}();

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  std::size_t run = 0;  // start of what is not yet copied
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!kEscaped[static_cast<unsigned char>(text[i])]) continue;
    out.append(text, run, i - run);
    append_escape(out, text[i]);
    run = i + 1;
  }
  out.append(text, run);
  out.push_back('"');
}

std::size_t json_members(std::string_view json) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] == ':') ++count;
    if (json[at] == '"') at = end_of_string(json, at);
  }
  return count;
}

std::string_view json_repeated_member(std::string_view json) {
  std::set<std::string_view> seen;
  for (std::size_t open = json.find('"'); open != std::string_view::npos; open = json.find('"', open)) {
    const std::size_t end = end_of_string(json, open);
    const std::string_view name = json.substr(open + 1, end - open - 1);
    open = json.find_first_not_of(" \t\r\n", std::min(end + 1, json.size()));
    if (open == std::string_view::npos) break;
    if (json[open] == ':' && !seen.insert(name).second) return name;
  }
  return {};
}

}  // namespace holdfast
