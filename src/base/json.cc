#include "base/json.h"

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

}  // namespace

std::size_t json_members(std::string_view json) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] == ':') ++count;
    if (json[at] == '"') at = end_of_string(json, at);
  }
  return count;
}

}  // namespace holdfast
