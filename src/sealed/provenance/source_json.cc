#include <boost/json.hpp>

#include "sealed/provenance/json_members.h"
#include "sealed/provenance/source.h"

namespace holdfast::sealed {
namespace {

namespace json = boost::json;

constexpr std::size_t kOpeningBytesMax = 64u << 10;

std::string hex(const Hash& hash) { return to_hex(hash.view()); }

}  // namespace

std::string to_json(const SourceOpening& opening) {
  json::array proof;
  for (const Hash& hash : opening.proof) proof.emplace_back(hex(hash));
  return json::serialize(json::object{{"algorithm", std::string(kSourceAlgorithm)},
                                      {"path", opening.file.path},
                                      {"kind", std::string(1, static_cast<char>(opening.file.kind))},
                                      {"sha256", hex(opening.file.content)},
                                      {"salt", hex(opening.salt)},
                                      {"index", opening.index},
                                      {"files", opening.files},
                                      {"proof", std::move(proof)}});
}

Result<SourceOpening> parse_opening(std::string_view text) {
  const auto bad = [] {
    return fail(Code::invalid, "sealed.opening.malformed", "",
                "expected what 'holdfast module open-file' writes: {algorithm, path, kind, sha256, salt, index, files, "
                "proof}");
  };
  const auto document = text.size() <= kOpeningBytesMax ? parse_json(text) : std::nullopt;
  if (!document) return bad();
  Members top(&*document);
  SourceOpening out;
  const bool algorithm = top.text("algorithm") == kSourceAlgorithm;
  out.file.path = top.text("path");
  const std::string kind = top.text("kind");
  out.file.content = top.hash("sha256");
  out.salt = top.hash("salt");
  out.index = top.number("index");
  out.files = top.number("files");
  const json::array* proof = top.list("proof");
  if (!algorithm || !top.done() || proof->size() > 64 || out.index >= out.files || out.files > kSourceFilesMax) {
    return bad();
  }
  if (kind != "f" && kind != "x" && kind != "l") return bad();
  out.file.kind = static_cast<SourceKind>(kind.front());
  for (const json::value& each : *proof) {
    const auto raw = each.is_string() ? from_hex({each.get_string().data(), each.get_string().size()}) : std::nullopt;
    const auto hash = raw ? Hash::from(*raw) : std::nullopt;
    if (!hash) return bad();
    out.proof.push_back(*hash);
  }
  return out;
}

}  // namespace holdfast::sealed
