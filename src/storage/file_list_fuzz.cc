#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "storage/file_list.h"

/// The input: the lines of a part's list, and what the file ends with. A list is read as it was written, or not at all;
/// and one whose sum is right, which a fuzzer does not find by itself, has one spelling.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::storage;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto list = parse_list(text)) HF_ASSERT(write_list(*list) == text);
  const std::size_t space = text.find(' ');
  if (space == text.npos) return 0;
  FileList list;
  for (const char c : text.substr(0, space)) {
    if (c > ' ' && c < 127) list[std::string(1 + list.size() % 7, c)] = text.size() << (c % 40);
  }
  const std::string written = write_list(list);
  HF_ASSERT(parse_list(written) == list);
  std::string other = written;
  const std::size_t at = size % other.size();
  other[at] = static_cast<char>(other[at] ^ (1 << data[size - 1] % 8));
  HF_ASSERT(!parse_list(other) && !parse_list(std::string_view(written).substr(0, at)));
  return 0;
}
