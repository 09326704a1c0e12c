#include "evidence/formats/checkpoint.h"

#include <charconv>

namespace holdfast::evidence {
namespace {

/// Far beyond any log, and far from where sums of sizes and tiles' widths would overflow.
constexpr std::uint64_t kSizeMax = (std::uint64_t{1} << 63) - 1;

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::corrupt, "evidence.checkpoint.malformed", "", std::string(what));
}

}  // namespace

std::string Checkpoint::text() const {
  return origin + '\n' + std::to_string(size) + '\n' + to_base64(root.view()) + '\n';
}

Result<Checkpoint> Checkpoint::parse(std::string_view text) {
  if (!text.ends_with('\n')) return malformed("The checkpoint does not end in a line feed.");
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (end == at) return malformed("The checkpoint has an empty line.");
    // Extension lines are not kept, so a text of any length costs no more than its three lines.
    if (lines.size() < 3) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  if (lines.size() < 3) return malformed("The checkpoint has fewer than its three lines: origin, size, root.");
  Checkpoint out;
  out.origin = lines[0];
  const char* last = lines[1].data() + lines[1].size();
  const auto [end, error] = std::from_chars(lines[1].data(), last, out.size);
  if (error != std::errc{} || end != last || (lines[1].size() > 1 && lines[1].front() == '0') || out.size > kSizeMax) {
    return malformed("The checkpoint's size is not a plain decimal number below 2^63.");
  }
  const auto raw = from_base64(lines[2]);
  const auto root = raw ? Hash::from(*raw) : std::nullopt;
  if (!root || to_base64(*raw) != lines[2]) return malformed("The checkpoint's root is not 32 bytes in base64.");
  out.root = *root;
  return out;
}

Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& log) {
  HF_TRY(const Note parsed, Note::parse(note));
  HF_TRY(const auto holding, parsed.verify(std::span(&log, 1)));
  if (holding.empty()) {
    return fail(Code::corrupt, "evidence.checkpoint.unsigned", log.name(),
                "The checkpoint bears no signature of the log's key.");
  }
  HF_TRY(Checkpoint checkpoint, Checkpoint::parse(parsed.text));
  if (checkpoint.origin != log.name()) {
    return fail(Code::corrupt, "evidence.checkpoint.origin", log.name(),
                "The checkpoint is of another log: its origin is not the name of the log's key.");
  }
  return checkpoint;
}

}  // namespace holdfast::evidence
