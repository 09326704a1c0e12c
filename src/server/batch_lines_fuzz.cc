#include "server/batch_lines.h"

/// However a body is cut into pieces, its lines are the same. The first byte chooses the cut.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using holdfast::server::LineSplitter;
  if (size == 0) return 0;
  const std::size_t step = data[0] + 1u;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  LineSplitter whole, cut;
  whole.feed(body);
  whole.finish();
  std::string one, other;
  const auto take = [](LineSplitter& lines, std::string& out) {
    while (const auto line = lines.next()) {
      out += std::to_string(line->number) + (line->too_long ? "!" : ":") + std::string(line->text) + "\n";
      (void)holdfast::server::parse_batch_line(line->text);
    }
  };
  take(whole, one);
  for (std::size_t i = 0; i < body.size(); i += step) {
    cut.feed(body.substr(i, step));
    take(cut, other);
  }
  cut.finish();
  take(cut, other);
  if (one != other) __builtin_trap();
  return 0;
}
