#include "base/json.h"

namespace holdfast {

std::size_t json_members(std::string_view json) {
  std::size_t count = 0;
  for (std::size_t at = json.find_first_of("\":"); at != std::string_view::npos;
       at = json.find_first_of("\":", at + 1)) {
    if (json[at] == ':') {
      ++count;
      continue;
    }
    do {  // to the end of the string
      at = json.find_first_of("\"\\", at + 1);
      if (at == std::string_view::npos) return count;
      if (json[at] == '"') break;
      ++at;
    } while (true);
  }
  return count;
}

}  // namespace holdfast
