#include <charconv>

#include "evidence/formats/checkpoint.h"
#include "evidence/formats/tree.h"

namespace holdfast::evidence {
namespace {

constexpr std::string_view kHeader = "c2sp.org/tlog-proof@v1";
constexpr std::size_t kHashesMax = 64;

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(Code::corrupt, "evidence.proof.malformed", "", std::string(what));
}

}  // namespace

std::string TlogProof::encode() const {
  std::string out(kHeader);
  out += '\n';
  if (!extra.empty()) out += "extra " + to_base64(extra) + '\n';
  out += "index " + std::to_string(index) + '\n';
  for (const Hash& hash : hashes) out += to_base64(hash.view()) + '\n';
  out += '\n';
  out += checkpoint;
  return out;
}

Result<TlogProof> TlogProof::parse(std::string_view text) {
  std::string_view rest = text;
  const auto next_line = [&rest]() -> std::optional<std::string_view> {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return line;
  };
  TlogProof out;
  if (next_line() != kHeader) return malformed("The first line is not \"c2sp.org/tlog-proof@v1\".");
  auto line = next_line();
  if (line && line->starts_with("extra ")) {
    auto extra = from_base64(line->substr(6));
    if (!extra) return malformed("The extra line is not base64.");
    out.extra = std::move(*extra);
    line = next_line();
  }
  if (!line || !line->starts_with("index ")) return malformed("The index line is missing.");
  line->remove_prefix(6);
  if (std::from_chars(line->data(), line->data() + line->size(), out.index).ec != std::errc{}) {
    return malformed("The index is not a decimal number below 2^64.");
  }
  for (line = next_line(); line && !line->empty(); line = next_line()) {
    const auto raw = from_base64(*line);
    const auto hash = raw ? Hash::from(*raw) : std::nullopt;
    if (!hash) return malformed("A line of the proof is not a hash in base64.");
    if (out.hashes.size() == kHashesMax) return malformed("The proof has more hashes than any tree needs.");
    out.hashes.push_back(*hash);
  }
  if (!line) return malformed("The empty line before the checkpoint is missing.");
  out.checkpoint = rest;
  // One spelling only: leading zeros, an empty extra line and stray base64 bits show here.
  if (out.encode() != text) return malformed("The proof is not spelled in the one canonical way.");
  return out;
}

Result<Checkpoint> TlogProof::check(ByteView entry, const VerifierKey& log) const {
  HF_TRY(Checkpoint tree, open_checkpoint(checkpoint, log));
  HF_CHECK(check_inclusion(leaf_hash(entry), index, tree.size, tree.root, hashes));
  return tree;
}

}  // namespace holdfast::evidence
