#include "evidence/checkpoints.h"

#include "evidence/names.h"

namespace holdfast::evidence {
namespace {

/// So many are kept before the old ones are deleted together: a deletion costs a sync.
constexpr std::size_t kOutdatedMax = 64;

}  // namespace

Result<Checkpoints::Kept> Checkpoints::check(const storage::Store& store, const VerifierKey& key, const Tail& tail,
                                             const Tiles& tiles) {
  std::vector<std::string> names;
  for (;;) {
    constexpr std::size_t page = 256;
    HF_TRY(const auto more, store.list_blobs(kCheckpointPrefix, names.empty() ? "" : names.back(), page));
    names.insert(names.end(), more.begin(), more.end());
    if (more.size() < page) break;
  }
  if (names.empty()) return Kept{};
  const std::string name = names.back();
  HF_TRY(std::optional<Bytes> note, store.get_blob(name));
  if (!note) return fail(Code::corrupt, "evidence.checkpoint.missing", name, "The newest checkpoint cannot be read.");
  HF_TRY(Checkpoint tree, open_checkpoint(*note, key));
  if (tree.size > tail.size()) {
    return fail(Code::corrupt, "evidence.rollback", name,
                "The log has " + std::to_string(tail.size()) + " entries, but a checkpoint over " +
                    std::to_string(tree.size) + " was handed out: restore the newest copy of the store.");
  }
  HF_TRY(const Hash root, root_of(tree.size, tiles.hashes(tree.size)));
  if (root != tree.root) {
    return fail(Code::corrupt, "evidence.rollback", name,
                "The log is not the one that the newest checkpoint handed out was signed over: restore that log.");
  }
  names.pop_back();
  return Kept{Signed{std::move(tree), std::move(*note)}, std::move(names)};
}

Result<void> Checkpoints::recover() {
  const std::lock_guard lock(mutex_);
  HF_TRY(Kept kept, check(store_, key_.verifier(), tail_, tiles_));
  newest_ = std::move(kept.newest);
  outdated_ = std::move(kept.outdated);
  if (newest_) published_ = newest_->tree.size;
  return {};
}

Result<Checkpoints::Signed> Checkpoints::sign(std::uint64_t size) const {
  HF_TRY(const Hash root, root_of(size, tiles_.hashes(size)));
  Checkpoint tree{.origin = key_.verifier().name(), .size = size, .root = root};
  HF_TRY(Note note, Note::create(tree.text()));
  note.sign(key_);
  return Signed{std::move(tree), note.encode()};
}

Result<Checkpoints::Signed> Checkpoints::newest() {
  const std::lock_guard lock(mutex_);
  const std::uint64_t size = tail_.size();
  if (newest_ && newest_->tree.size == size) return *newest_;
  HF_TRY(Signed fresh, sign(size));
  const storage::Blob blob{name_by_size(kCheckpointPrefix, size), fresh.note};
  HF_CHECK(store_.put_blobs({&blob, 1}));
  if (newest_) outdated_.push_back(name_by_size(kCheckpointPrefix, newest_->tree.size));
  // One that could not be deleted is a few bytes too many, and tried again after the next start.
  if (outdated_.size() >= kOutdatedMax && store_.delete_blobs(outdated_)) outdated_.clear();
  newest_ = std::move(fresh);
  published_ = size;
  return *newest_;
}

}  // namespace holdfast::evidence
