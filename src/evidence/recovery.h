#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "evidence/log.h"
#include "evidence/tail.h"
#include "evidence/tiles.h"
#include "storage/store.h"

namespace holdfast::evidence {

/// The tail as the journal and the sealed tiles hold it. corrupt ("evidence.journal.…") when they do not join.
Result<std::unique_ptr<Tail>> load_tail(const storage::Store& store);

struct Replayed {
  UnixMillis last_at = 0;           ///< time of the newest entry
  std::uint64_t snapshot_size = 0;  ///< entries that came from a snapshot
};
/// Brings `follower` to the end of the log: the newest good snapshot, then the entries after it.
Result<Replayed> replay(const storage::Store& store, const Tiles& tiles, std::uint64_t size, Follower& follower);

}  // namespace holdfast::evidence
