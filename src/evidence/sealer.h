#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

#include "base/result.h"
#include "evidence/tail.h"
#include "evidence/tiles.h"
#include "storage/store.h"

namespace holdfast::evidence {

/// Moves full tiles and bundles out of the tail into blobs, in groups, and then lets the journal forget them; writes
/// snapshots. On a thread of its own, so that compressing delays no commit.
class Sealer {
 public:
  Sealer(storage::Store& store, Tail& tail, const Tiles& tiles);
  /// Stops without sealing more.
  ~Sealer();

  /// The tail grew. Cheap.
  void notify();
  /// Waits until the tail is within its bound again. unavailable, as the store said, when sealing fails.
  Result<void> wait_for_room();
  /// Has it nothing to write for now? Then a snapshot may be handed over.
  bool idle() const;
  void write_snapshot(std::uint64_t size, Bytes state);
  /// Seals every complete bundle, writes the snapshot that waits, and ends the thread.
  Result<void> finish();

 private:
  struct Snapshot {
    std::uint64_t size = 0;
    Bytes state;
  };
  void run();
  Result<void> seal(std::uint64_t upto);
  Result<void> put(std::span<const TileId> ids);
  std::uint64_t complete() const { return tail_.size() / kTileWidth * kTileWidth; }

  storage::Store& store_;
  Tail& tail_;
  const Tiles& tiles_;

  mutable std::mutex mutex_;
  std::condition_variable wake_, progress_;
  std::optional<Snapshot> snapshot_;
  std::uint64_t attempts_ = 0;  ///< rounds of sealing so far
  Result<void> outcome_;        ///< of the newest round
  bool working_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace holdfast::evidence
