#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "evidence/log.h"
#include "evidence/tiles.h"
#include "storage/store.h"

namespace holdfast::evidence {

/// Stores the follower's state after the first `size` entries, as the blob "snapshot/<size>", bound to the tree of
/// that size. The one before is kept, older ones are deleted.
Result<void> write_snapshot(storage::Store& store, const Tiles& tiles, std::uint64_t size, ByteView state);

/// Restores `follower` from the newest snapshot that is whole, belongs to this log and is within its `size`. Answers
/// the number of entries that it stands for, 0 if there was none.
Result<std::uint64_t> restore_snapshot(const storage::Store& store, const Tiles& tiles, std::uint64_t size,
                                       Follower& follower);

}  // namespace holdfast::evidence
