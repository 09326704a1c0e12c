#include "server/batch_lines.h"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <utility>

#include "base/json.h"

namespace holdfast::server {
namespace {

/// A line without the CR of its CRLF: how long a line may be is asked of this alone, since the CR of a piece's end is
/// only known for one when the LF comes.
std::string_view without_cr(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

void LineSplitter::feed(std::string_view piece) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_.append(piece);
}

std::optional<LineSplitter::Line> LineSplitter::next() {
  while (true) {
    const std::size_t end = buffer_.find('\n', at_);
    const bool ended = end != std::string::npos;
    const std::string_view raw(buffer_.data() + at_, (ended ? end : buffer_.size()) - at_);
    const std::string_view text = without_cr(raw);
    if (!ended && !finished_) {
      if (text.size() <= kBatchLineBytesMax && !skipping_) return std::nullopt;
      const bool told = std::exchange(skipping_, true);  // drop what came of it; the rest goes when it comes
      at_ = buffer_.size();
      if (told) return std::nullopt;
      return Line{++number_, {}, true};
    }
    if (!ended && raw.empty()) return std::nullopt;
    at_ = ended ? end + 1 : buffer_.size();
    if (std::exchange(skipping_, false)) continue;
    ++number_;
    if (text.size() > kBatchLineBytesMax) return Line{number_, {}, true};
    if (!text.empty()) return Line{number_, text, false};
  }
}

Result<std::string> parse_batch_line(std::string_view line) {
  const auto wrong = [] {
    return fail(Code::invalid, "batch.line", "",
                "expected one JSON value a line: a subject's id in quotes, or {\"subject\": \"id\"}");
  };
  unsigned char memory[2048];
  boost::json::monotonic_resource resource(memory, sizeof memory);
  boost::json::error_code error;
  boost::json::parse_options options;
  options.max_depth = 2;
  const boost::json::value value = boost::json::parse(line, error, &resource, options);
  if (error) return wrong();
  const boost::json::value* id = &value;
  if (const auto* object = value.if_object()) {
    if (object->size() != 1 || json_members(line) != 1) return wrong();
    id = object->if_contains("subject");
  }
  if (!id || !id->is_string()) return wrong();
  return std::string(id->get_string());
}

}  // namespace holdfast::server
