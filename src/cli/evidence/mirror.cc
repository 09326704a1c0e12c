#include "cli/evidence/mirror.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "agreement/agreement.h"
#include "base/file.h"
#include "base/hash.h"
#include "cli/frame/progress.h"
#include "evidence/formats/entry.h"
#include "evidence/formats/tile.h"
#include "ledger/ledger.h"
#include "verify/bundle.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;
using evidence::HashReader;
using evidence::kTileWidth;
using evidence::TileId;
using ledger::DocumentKind;

/// Writes a file of the mirror, its folders made.
Result<void> write_tile(const fs::path& path, const Bytes& bytes) {
  std::error_code wrong;
  fs::create_directories(path.parent_path(), wrong);
  if (wrong)
    return fail(Code::unavailable, "cli.log.directory", path.parent_path(), "cannot be made: " + wrong.message());
  return write_file(path, bytes);
}

/// Is it the document that an entry names? An agreement by its text, the others as a whole.
bool is_document(const Bytes& document, DocumentKind kind, const Hash& hash) {
  if (sha256(document) == hash) return true;
  if (kind != DocumentKind::agreement) return false;
  const auto note = Note::parse(document);
  return note && sha256(note->text) == hash;
}

/// A folder that the export may fill: a new or an empty one, a mirror, or what an export that was broken off left.
Result<void> require_mirror(const fs::path& to) {
  std::error_code wrong;
  if (!fs::exists(to, wrong) && !wrong) return {};
  if (fs::exists(to / "checkpoint", wrong)) return {};
  static const std::set<std::string> kOfMirror{"tile", "agreement", "statement"};
  for (fs::directory_iterator at(to, wrong), end; !wrong && at != end; at.increment(wrong)) {
    const std::string name = at->path().filename().string();
    if (kOfMirror.contains(name) || name.starts_with("checkpoint.new.")) continue;
    return fail(
        Code::invalid, "cli.log.mirror.other", to.string(),
        fmt::format("this folder is neither empty nor a mirror of a log, for it holds '{}'; name another", name));
  }
  if (!wrong) return {};
  return fail(Code::invalid, "cli.log.directory", to.string(), "cannot be looked into: " + wrong.message());
}

/// What a mirror has is proof of what the log was: it is never replaced by what does not go on from there.
Result<void> require_continuation(const Evidence& log, verify::Source& mirror, const std::string& path,
                                  const HashReader& hashes) {
  const auto kept = read_file(path);
  if (!kept && kept.error().code == Code::not_found) return {};
  HF_TRY(const std::string text, kept);
  const auto note = Note::parse(text);
  const auto old = note ? evidence::Checkpoint::parse(note->text) : tl::unexpected<Error>(note.error());
  const evidence::Checkpoint& now = log.checkpoint;
  // A key that the served log says of itself may not judge the mirror, nor may that of a log with another name: the
  // mirror's own has to.
  const bool by_its_own = old && (log.pinned || old->origin != log.key->name());
  const auto key = by_its_own ? pinned_key(mirror, *old) : log.key;
  const bool sound = old && (!key || evidence::open_checkpoint(text, *key));
  if (!sound) {
    return fail(
        Code::corrupt, "cli.log.mirror.altered", path,
        fmt::format("this does not bear the signature of the log's key{}, so it was altered or damaged where it "
                    "lies, and shows nothing against the log. Nothing was changed; export into another folder, "
                    "or move this one file away and export here again: all others are then checked, and "
                    "fetched anew where they are wrong",
                    key ? " " + key->text() : ""));
  }
  const auto other = [&](std::string_view slug, const std::string& what) {
    return fail(
        Code::corrupt, slug, path,
        fmt::format("this mirror is of '{}' at {} entries, root {}; the log that is served is '{}' at {}, root {}: {}. "
                    "Nothing was changed; keep this mirror, {}",
                    old->origin, old->size, to_base64(old->root.view()), now.origin, now.size,
                    to_base64(now.root.view()), what,
                    key ? "it is proof" : "it is proof if its signature holds, which --log-key KEY tells"));
  };
  if (old->origin != now.origin) return other("evidence.log.other", "it is another log");
  if (old->size > now.size)
    return other("evidence.rollback", "the later entries were taken back, or this server is behind");
  if (old->size == now.size && old->root != now.root) return other("evidence.split-view", "it is another history");
  if (old->size == 0 || old->size == now.size) return {};
  HF_TRY(const auto proof, evidence::consistency_proof(old->size, now.size, hashes));
  if (evidence::check_consistency(old->size, old->root, now.size, now.root, proof)) return {};
  return other("evidence.split-view", "it is no continuation");
}

/// Brings a mirror up to date. Nothing is written that does not lead to the checkpoint's root, and what is there and
/// does not is fetched again.
class Mirroring {
 public:
  Mirroring(const Evidence& log, verify::Source& mirror, fs::path to)
      : log_(log), mirror_(mirror), to_(std::move(to)), progress_("log export", "tiles", tiles()) {}

  /// `hashes` of the log.
  Result<void> run(const HashReader& hashes);
  Mirrored done() const { return {tiles(), fetched_, bytes_}; }

 private:
  std::uint64_t tiles() const;
  Result<void> take(const TileId& id, const std::vector<Hash>& proven);
  Result<std::vector<Hash>> full_tile(const TileId& id, const Hash& root);
  Result<void> take_bundle(const TileId& id, const std::vector<Hash>& leaves);
  Result<void> take_document(DocumentKind kind, const Hash& hash);
  Result<void> take_documents(const Bytes& bundle, const TileId& id);
  Result<void> keep(const TileId& id, const Bytes& content, bool is_there);

  const Evidence& log_;
  verify::Source& mirror_;
  const fs::path to_;
  std::uint64_t seen_ = 0, fetched_ = 0, bytes_ = 0;
  Progress progress_;
};

/// As tiles_of counts them, without a list that a forged size could make long.
std::uint64_t Mirroring::tiles() const {
  const auto rows = [](std::uint64_t hashes) { return hashes / kTileWidth + (hashes % kTileWidth != 0 ? 1 : 0); };
  std::uint64_t out = rows(log_.checkpoint.size);
  for (std::uint64_t hashes = log_.checkpoint.size; hashes > 0; hashes /= kTileWidth) out += rows(hashes);
  return out;
}

/// Each full tile lies under one hash of an unfinished one, or of a full tile that does.
Result<void> Mirroring::run(const HashReader& hashes) {
  std::uint64_t row = log_.checkpoint.size;
  for (std::uint8_t level = 0; row > 0; ++level, row /= kTileWidth) {
    const TileId id{.level = level, .number = row / kTileWidth, .width = static_cast<std::uint16_t>(row % kTileWidth)};
    std::vector<Hash> edge;
    for (std::uint64_t i = row - id.width; i < row; ++i) {
      HF_TRY(const Hash hash, hashes(8u * level, i));
      edge.push_back(hash);
    }
    if (!edge.empty()) HF_CHECK(take(id, edge));
  }
  return {};
}

/// What lies beneath comes first, as a tile promises it.
Result<void> Mirroring::take(const TileId& id, const std::vector<Hash>& proven) {
  if (id.level == 0) HF_CHECK(take_bundle(id, proven));
  for (std::size_t i = 0; id.level > 0 && i < proven.size(); ++i) {
    const TileId below{.level = static_cast<std::uint8_t>(id.level - 1), .number = id.number * kTileWidth + i};
    HF_TRY(const auto tile, full_tile(below, proven[i]));
    HF_CHECK(take(below, tile));
  }
  Bytes content;
  for (const Hash& hash : proven) content += hash.view();
  const auto kept = mirror_.get(id.path(), content.size());
  return keep(id, content, kept && *kept == content);
}

Result<std::vector<Hash>> Mirroring::full_tile(const TileId& id, const Hash& root) {
  auto kept = verify::fetch_tile(mirror_, id);
  if (kept && evidence::complete_root(*kept) == root) return kept;
  auto served = verify::fetch_tile(*log_.source, id);
  if (!served && served.error().code != Code::corrupt) return served;
  if (!served || evidence::complete_root(*served) != root) return log_.forged(id.path());
  return served;
}

Result<void> Mirroring::take_bundle(const TileId& id, const std::vector<Hash>& leaves) {
  TileId bundle_id = id;
  bundle_id.entries = true;
  const auto holds = [&leaves](const Bytes& bundle) {
    const auto entries = evidence::split_bundle(bundle, leaves.size());
    return entries && std::ranges::equal(*entries, leaves, {}, evidence::leaf_hash);
  };
  auto content = mirror_.get(bundle_id.path(), evidence::kBundleBytesMax);
  const bool is_there = content && holds(*content);
  if (!is_there) {
    content = log_.source->get(bundle_id.path(), evidence::kBundleBytesMax);
    if (content && !holds(*content)) return log_.forged(bundle_id.path());
    HF_CHECK(content);
  }
  HF_CHECK(take_documents(*content, bundle_id));
  return keep(bundle_id, *content, is_there);
}

/// A document that lies beside the log, and in the mirror already or not.
Result<void> Mirroring::take_document(DocumentKind kind, const Hash& hash) {
  const std::string path = ledger::document_path(kind, hash);
  if (const auto kept = mirror_.get(path, kNoteBytesMax); kept && is_document(*kept, kind, hash)) return {};
  HF_TRY(const Bytes document, log_.source->get(path, kNoteBytesMax));
  if (!is_document(document, kind, hash)) return log_.forged(path);
  if (const auto note = Note::parse(document); note && kind == DocumentKind::agreement) {
    for (const agreement::PackReference& pack : agreement::packs_of(note->text)) {
      if (pack.hash) HF_CHECK(take_document(kind, *pack.hash));
    }
  }
  return write_tile(to_ / path, document);  // last: it promises its rule packs
}

/// The agreements and statements that the entries of a bundle name lie beside the log; they go along.
Result<void> Mirroring::take_documents(const Bytes& bundle, const TileId& id) {
  if (bundle.find("agreement.adopted") == Bytes::npos && bundle.find("\"statement\":") == Bytes::npos) return {};
  HF_TRY(const auto entries, evidence::split_bundle(bundle, id.width));
  for (const ByteView raw : entries) {
    const auto entry = evidence::Entry::decode(raw);
    if (!entry) continue;
    if (const auto* adopted = std::get_if<evidence::AgreementAdopted>(&entry->event)) {
      HF_CHECK(take_document(DocumentKind::agreement, adopted->document));
    } else if (const auto* submitted = std::get_if<evidence::ModuleSubmitted>(&entry->event)) {
      HF_CHECK(take_document(DocumentKind::statement, submitted->statement));
    } else if (const auto* released = std::get_if<evidence::ModuleReleased>(&entry->event)) {
      HF_CHECK(take_document(DocumentKind::statement, released->statement));
    }
  }
  return {};
}

Result<void> Mirroring::keep(const TileId& id, const Bytes& content, bool is_there) {
  progress_.update(seen_, seen_);
  ++seen_;
  if (is_there) return {};
  const fs::path path = to_ / id.path();
  HF_CHECK(write_tile(path, content));
  ++fetched_;
  bytes_ += content.size();
  // Partial tiles of earlier mirrors are not needed beside the full one.
  std::error_code ignored;
  if (id.width == kTileWidth) fs::remove_all(path.string() + ".p", ignored);
  return {};
}

}  // namespace

Result<Mirrored> update_mirror(const Evidence& log, const fs::path& to) {
  HF_CHECK(require_mirror(to));
  HF_TRY(const HashReader hashes, log.hashes());
  std::error_code wrong;
  fs::create_directories(to, wrong);
  if (wrong) return fail(Code::unavailable, "cli.log.directory", to, "cannot be made: " + wrong.message());
  HF_TRY(const auto mirror, verify::Source::open(to, {}));
  HF_CHECK(require_continuation(log, *mirror, (to / "checkpoint").string(), hashes));
  Mirroring mirroring(log, *mirror, to);
  HF_CHECK(mirroring.run(hashes));
  HF_CHECK(write_tile(to / "checkpoint", log.note));  // last: it promises all the rest
  return mirroring.done();
}

}  // namespace holdfast::cli
