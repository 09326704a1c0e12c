#include "cli/evidence_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "cli/client.h"
#include "cli/workdir.h"
#include "evidence/formats/tile.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t kCheckpointBytesMax = 64u << 10;

Result<std::string> find_log(const EvidenceOptions& options) {
  if (!options.log.empty()) return options.log;
  const WorkDir dir(options.dir);
  const auto ready = read_ready(dir.ready_file());
  if (ready && !ready->evidence_url.empty()) return ready->evidence_url;
  ClientOptions client;
  client.dir = options.dir;
  HF_TRY(const std::string server, find_server(client));
  return server + "/log";
}

}  // namespace

Result<VerifierKey> read_verifier_key(const std::string& text_or_path) {
  std::error_code ignored;  // a key is no path, and may be longer than one
  if (!std::filesystem::exists(text_or_path, ignored)) {
    if (auto key = VerifierKey::parse(text_or_path)) return key;
    return fail(Code::invalid, "cli.key.public", text_or_path,
                "this is neither a file nor a public key (name+hash+base64); 'holdfast key show FILE' prints one");
  }
  HF_TRY(const std::string text, read_file(text_or_path, 4096));
  auto key = VerifierKey::parse(text);
  if (key) return key;
  Error error = std::move(key).error();
  error.where = text_or_path;
  return tl::unexpected(std::move(error));
}

void add_evidence_options(CLI::App& command, EvidenceOptions& options) {
  command.add_option("--log", options.log, "The log's URL or a mirror's folder (default: of the working directory)");
  command.add_option("--dir", options.dir, "Working directory (default: $HOLDFAST_DIR, or .)");
  command.add_option("--ca", options.ca, "Authority that signed the server's certificate, PEM");
}

Result<Evidence> Evidence::open(const EvidenceOptions& options) {
  HF_TRY(const std::string place, find_log(options));
  fetch::HttpOptions http;
  http.ca_file = options.ca;
  const WorkDir dir(options.dir);
  if (http.ca_file.empty() && std::filesystem::exists(dir.authority_certificate())) {
    http.ca_file = dir.authority_certificate();
  }
  Evidence out;
  HF_TRY(out.source, verify::Source::open(place, http));
  HF_TRY(out.note, out.source->get("checkpoint", kCheckpointBytesMax));
  HF_TRY(const Note note, Note::parse(out.note));
  HF_TRY(out.checkpoint, evidence::Checkpoint::parse(note.text));
  return out;
}

Result<void> Evidence::require(std::uint64_t index) const {
  if (index < checkpoint.size) return {};
  return fail(Code::not_found, "cli.log.entry", std::to_string(index),
              fmt::format("the log has {} entries, numbered from 0", checkpoint.size));
}

Result<Bytes> Evidence::entry(std::uint64_t index) const {
  HF_CHECK(require(index));
  evidence::TileId id;
  id.entries = true;
  id.number = index / evidence::kTileWidth;
  const std::uint64_t left = checkpoint.size - id.number * evidence::kTileWidth;
  id.width = static_cast<std::uint16_t>(std::min(left, evidence::kTileWidth));
  HF_TRY(const Bytes bundle, source->get(id.path(), evidence::kBundleBytesMax));
  HF_TRY(const auto entries, evidence::split_bundle(bundle, id.width));
  return Bytes(entries[index % evidence::kTileWidth]);
}

}  // namespace holdfast::cli
