#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/note.h"
#include "base/result.h"
#include "evidence/formats/checkpoint.h"
#include "evidence/tail.h"
#include "evidence/tiles.h"
#include "storage/store.h"

namespace holdfast::evidence {

/// Signs the tree, and never two that do not join: each checkpoint is in the store before anyone gets it, and at the
/// next start the tree must still lead to the newest one. Kept as blobs "checkpoint/<size>". Thread-safe.
class Checkpoints {
 public:
  struct Signed {
    Checkpoint tree;
    std::string note;
  };
  /// Those that a store keeps.
  struct Kept {
    std::optional<Signed> newest;
    std::vector<std::string> outdated;  ///< names of those that it replaced
  };
  /// Holds the tree up to the newest one ever handed out. corrupt: "evidence.rollback" if the log is shorter, or
  /// another one; "evidence.checkpoint.missing", "evidence.checkpoint.…" (another key's).
  static Result<Kept> check(const storage::Store& store, const VerifierKey& key, const Tail& tail, const Tiles& tiles);

  Checkpoints(storage::Store& store, SigningKey key, const Tail& tail, const Tiles& tiles)
      : store_(store), key_(std::move(key)), tail_(tail), tiles_(tiles) {}

  /// check(), and goes on from there.
  Result<void> recover();
  /// Over the durable tree as of now; signed afresh only if it grew.
  Result<Signed> newest();
  /// Size of the newest checkpoint handed out.
  std::uint64_t published() const { return published_; }
  const VerifierKey& key() const { return key_.verifier(); }

 private:
  Result<Signed> sign(std::uint64_t size) const;

  storage::Store& store_;
  const SigningKey key_;
  const Tail& tail_;
  const Tiles& tiles_;
  std::mutex mutex_;
  std::optional<Signed> newest_;
  std::vector<std::string> outdated_;  ///< names of stored checkpoints that a newer one replaced
  std::atomic<std::uint64_t> published_{0};
};

}  // namespace holdfast::evidence
