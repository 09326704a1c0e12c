#include "cli/evidence/evidence_place.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/plain.h"
#include "cli/frame/client.h"
#include "cli/frame/command.h"
#include "cli/workdir/workdir.h"
#include "evidence/formats/entry.h"
#include "evidence/formats/tile.h"
#include "ledger/ledger.h"
#include "verify/auditor.h"
#include "verify/bundle.h"

namespace holdfast::cli {
namespace {

using evidence::HashReader;
using evidence::kTileWidth;
using evidence::TileId;

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

/// The bundle that entry `index` is in.
TileId bundle_of(std::uint64_t index, std::uint64_t size) {
  TileId id{.entries = true, .number = index / kTileWidth};
  id.width = static_cast<std::uint16_t>(std::min(size - id.number * kTileWidth, kTileWidth));
  return id;
}

/// Which key is to have signed the log: the one that was given, or the working directory's for its own log.
Result<std::optional<VerifierKey>> known_key(const EvidenceOptions& options) {
  const std::string own = WorkDir(options.dir).log_verifier_key();
  std::error_code ignored;
  if (options.log_key.empty() && (!options.log.empty() || !std::filesystem::exists(own, ignored))) return std::nullopt;
  HF_TRY(VerifierKey key, read_verifier_key(options.log_key.empty() ? own : options.log_key));
  return key;
}

}  // namespace

Result<VerifierKey> read_verifier_key(const std::string& text_or_path) {
  std::error_code ignored;  // a key is no path, and may be longer than one
  if (!std::filesystem::exists(text_or_path, ignored)) {
    if (auto key = VerifierKey::parse(text_or_path)) return key;
    return fail(Code::invalid, "cli.key.public", text_or_path,
                "this is neither a file nor a public key (name+hash+base64); 'holdfast key show FILE' prints one");
  }
  HF_TRY(const std::string text, read_input(text_or_path, 4096));
  auto key = of_file(VerifierKey::parse(text), text_or_path);
  if (!key) key.error().what += "; 'holdfast key show FILE' prints one";
  return key;
}

void add_evidence_options(CLI::App& command, EvidenceOptions& options) {
  command.add_option("--log", options.log, "The log's URL or a mirror's folder (default: of the working directory)");
  command.add_option("--dir", options.dir, "Working directory (default: $HOLDFAST_DIR, or .)");
  command.add_option("--ca", options.ca, "Authority that signed the server's certificate, PEM");
}

void add_log_key_option(CLI::App& command, EvidenceOptions& options) {
  command.add_option("--log-key", options.log_key,
                     "The log's public key, a file or the key itself (default: the working directory's for its own "
                     "log, else what the agreement pins)");
}

std::optional<VerifierKey> pinned_key(verify::Source& source, const evidence::Checkpoint& checkpoint) {
  if (checkpoint.size == 0) return std::nullopt;
  const TileId id = bundle_of(0, checkpoint.size);
  const auto bundle = source.get(id.path(), evidence::kBundleBytesMax);
  const auto entries = bundle ? evidence::split_bundle(*bundle, id.width) : tl::unexpected<Error>(bundle.error());
  const auto first = entries ? evidence::Entry::decode(entries->front()) : tl::unexpected<Error>(entries.error());
  if (!first) return std::nullopt;
  ledger::Ledger ledger(verify::documents_of(source));
  ledger.apply(0, *first);
  return ledger.plan() ? ledger.plan()->log : std::nullopt;
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
  out.place = place;
  while (out.place.size() > 1 && out.place.ends_with('/')) out.place.pop_back();
  HF_TRY(out.source, verify::Source::open(place, http));
  HF_TRY(out.note, out.source->get("checkpoint", kCheckpointBytesMax));
  const std::string where = out.place + "/checkpoint";
  HF_TRY(const Note note, of_file(Note::parse(out.note), where));
  HF_TRY(out.checkpoint, of_file(evidence::Checkpoint::parse(note.text), where));
  HF_TRY(out.key, known_key(options));
  if (!out.key) {
    out.key = pinned_key(*out.source, out.checkpoint);
    out.pinned = true;
  }
  if (!out.key || evidence::open_checkpoint(out.note, *out.key)) return out;
  return fail(
      Code::corrupt, "evidence.checkpoint.signature", where,
      fmt::format("this checkpoint does not bear the signature of the log's key, {}, so nothing in this log can "
                  "be relied on; fetch it anew, and ask whoever gave it to you if that is no better",
                  out.key->text()));
}

Result<void> Evidence::require(std::uint64_t index) const {
  if (index < checkpoint.size) return {};
  return fail(Code::not_found, "cli.log.entry", std::to_string(index),
              fmt::format("the log has {}, numbered from 0", counted(checkpoint.size, "entry", "entries")));
}

tl::unexpected<Error> Evidence::forged(const std::string& path) const {
  return fail(
      Code::corrupt, "evidence.tile.forged", place + "/" + path,
      "this is not what the log's checkpoint promises, so it was damaged or forged; take the log from elsewhere, "
      "and ask whoever keeps this one");
}

Result<HashReader> Evidence::hashes() const {
  const auto read = std::make_shared<HashReader>();
  // A full tile is held up to the hash above it, which is looked up in the same way.
  const auto fetch = [this, above = read.get()](const TileId& id) -> Result<Bytes> {
    const auto tile = verify::fetch_tile(*source, id);
    if (!tile && tile.error().code == Code::corrupt) return forged(id.path());
    HF_CHECK(tile);
    if (id.width == kTileWidth) {
      HF_TRY(const Hash promised, (*above)(8 * (id.level + 1u), id.number));
      if (evidence::complete_root(*tile) != promised) return forged(id.path());
    }
    Bytes out;
    for (const Hash& hash : *tile) out += hash.view();
    return out;
  };
  *read = evidence::read_hashes(checkpoint.size, fetch);
  // The unfinished tiles, one a level, make up the root together: with it all that they hold is proven.
  HF_TRY(const Hash root, evidence::root_of(checkpoint.size, *read));
  if (root != checkpoint.root) {
    return fail(Code::corrupt, "evidence.root.wrong", place,
                "the newest tiles of this log do not lead to the root in its checkpoint, so one of them or the "
                "checkpoint was damaged or forged; take the log from elsewhere, and ask whoever keeps this one");
  }
  return HashReader([read](unsigned level, std::uint64_t index) { return (*read)(level, index); });
}

Result<Bytes> Evidence::entry(std::uint64_t index, const HashReader& hashes) const {
  HF_CHECK(require(index));
  const TileId id = bundle_of(index, checkpoint.size);
  HF_TRY(const Bytes bundle, source->get(id.path(), evidence::kBundleBytesMax));
  HF_TRY(const Hash leaf, hashes(0, index));
  const auto entries = evidence::split_bundle(bundle, id.width);
  if (!entries || evidence::leaf_hash((*entries)[index % kTileWidth]) != leaf) return forged(id.path());
  return Bytes((*entries)[index % kTileWidth]);
}

}  // namespace holdfast::cli
