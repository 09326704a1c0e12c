#include "evidence/sealer.h"

#include <algorithm>

#include "base/priority.h"
#include "evidence/compress.h"
#include "evidence/names.h"
#include "evidence/snapshots.h"

namespace holdfast::evidence {
namespace {

constexpr std::uint64_t kGroupEntries = 16 * kTileWidth;     ///< sealed together, under one sync
constexpr std::uint64_t kGroupEntriesMax = 64 * kTileWidth;  ///< the same when more wait already
constexpr std::uint64_t kTailEntriesMax = 256 * kTileWidth;  ///< more unsealed than this: commits wait

}  // namespace

Sealer::Sealer(storage::Store& store, Tail& tail, const Tiles& tiles)
    : store_(store), tail_(tail), tiles_(tiles), thread_([this] { run(); }) {}

Sealer::~Sealer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Sealer::notify() {
  if (tail_.size() - tail_.sealed() < kGroupEntries) return;
  // Under the lock, so that the thread cannot miss it between looking and waiting.
  const std::lock_guard lock(mutex_);
  wake_.notify_one();
}

Result<void> Sealer::wait_for_room() {
  const auto has_room = [this] { return tail_.size() - tail_.sealed() < kTailEntriesMax; };
  if (has_room()) return {};
  std::unique_lock lock(mutex_);
  // One whole round from now on, which begins after whatever made the last one fail may have been mended.
  const std::uint64_t round = attempts_ + (working_ ? 2 : 1);
  wake_.notify_one();
  progress_.wait(lock, [&] { return has_room() || attempts_ >= round; });
  if (has_room()) return {};
  return outcome_;
}

bool Sealer::idle() const {
  const std::lock_guard lock(mutex_);
  return !snapshot_;
}

void Sealer::write_snapshot(std::uint64_t size, Bytes state) {
  const std::lock_guard lock(mutex_);
  snapshot_ = Snapshot{size, std::move(state)};
  wake_.notify_one();
}

void Sealer::run() {
  take_short_turns();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_for(lock, std::chrono::seconds(1),
                   [this] { return stopping_ || snapshot_ || tail_.size() - tail_.sealed() >= kGroupEntries; });
    if (stopping_) return;
    if (tail_.size() - tail_.sealed() >= kGroupEntries) {
      working_ = true;
      lock.unlock();
      auto sealed = seal(std::min(tail_.sealed() + kGroupEntriesMax, complete()));
      lock.lock();
      working_ = false;
      const bool failed = !sealed;
      outcome_ = std::move(sealed);
      ++attempts_;
      progress_.notify_all();
      // A store that refuses is asked again in a while, or when a commit needs the room.
      if (failed) wake_.wait_for(lock, std::chrono::seconds(1));
    }
    if (snapshot_ && !stopping_) {
      const Snapshot taken = *snapshot_;
      lock.unlock();
      // A snapshot only makes the next start quicker; one that cannot be written is not missed.
      static_cast<void>(evidence::write_snapshot(store_, tiles_, taken.size, taken.state).has_value());
      lock.lock();
      if (snapshot_ && snapshot_->size == taken.size) snapshot_.reset();
    }
  }
}

Result<void> Sealer::seal(std::uint64_t upto) {
  std::vector<TileId> ids;
  for (const TileId& id : tiles_of(upto, tail_.sealed())) {
    if (id.width == kTileWidth) ids.push_back(id);
  }
  HF_CHECK(put(ids));
  tail_.drop(upto);
  // The tiles are on disk; a journal that keeps more than it must is trimmed the next time.
  static_cast<void>(store_.trim(kJournal, upto).has_value());
  return {};
}

Result<void> Sealer::put(std::span<const TileId> ids) {
  std::vector<storage::Blob> blobs;
  for (const TileId& id : ids) {
    Bytes content = tail_.tile(id).value();
    blobs.push_back({id.path(), id.entries ? compress_bundle(content) : std::move(content)});
    // On one core all requests wait as long as this goes on, and a group takes milliseconds.
    std::this_thread::yield();
  }
  auto stored = store_.put_blobs(blobs);
  if (stored || stored.error().code != Code::conflict) return stored;
  // A crash came between this very put and the trimming of the journal, and another version of zstd compresses
  // differently now. What is there is right if it says the same.
  std::vector<storage::Blob> missing;
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    HF_TRY(const auto present, store_.get_blob(blobs[i].name));
    if (!present) {
      missing.push_back(std::move(blobs[i]));
      continue;
    }
    HF_TRY(const Bytes content, read_full_tile(store_, ids[i]));
    if (content != tail_.tile(ids[i]).value()) return stored;
  }
  return store_.put_blobs(missing);
}

Result<void> Sealer::finish() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  while (tail_.sealed() < complete()) HF_CHECK(seal(std::min(tail_.sealed() + kGroupEntriesMax, complete())));
  if (!snapshot_) return {};
  return evidence::write_snapshot(store_, tiles_, snapshot_->size, snapshot_->state);
}

}  // namespace holdfast::evidence
