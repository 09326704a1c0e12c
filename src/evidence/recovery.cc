#include "evidence/recovery.h"

#include "evidence/names.h"
#include "evidence/snapshots.h"

namespace holdfast::evidence {
namespace {

tl::unexpected<Error> broken(std::string_view what) {
  return fail(Code::corrupt, "evidence.journal.broken", std::string(kJournal), std::string(what));
}

/// The hashes of the upper levels that no full tile of a tree of `sealed` holds, from the full tiles below them.
Result<Tail::Upper> load_upper(const storage::Store& store, std::uint64_t sealed) {
  Tail::Upper out;
  std::uint64_t hashes = sealed / kTileWidth;
  for (unsigned level = 1; level < Tail::kLevels; ++level, hashes /= kTileWidth) {
    for (std::uint64_t at = hashes / kTileWidth * kTileWidth; at < hashes; ++at) {
      HF_TRY(const Bytes raw, read_full_tile(store, {.level = static_cast<std::uint8_t>(level - 1), .number = at}));
      std::vector<Hash> below;
      for (std::size_t i = 0; i < kTileWidth; ++i) {
        below.push_back(*Hash::from(ByteView(raw).substr(i * Hash::kSize, Hash::kSize)));
      }
      out[level].push_back(complete_root(below));
    }
  }
  return out;
}

Result<std::unique_ptr<Tail>> begin_tail(const storage::Store& store, std::uint64_t sealed) {
  HF_TRY(Tail::Upper upper, load_upper(store, sealed));
  return std::make_unique<Tail>(sealed, std::move(upper));
}

/// One batch of the journal, which begins at `position`: what of it is not sealed goes to the tail.
Result<void> take_batch(Tail& tail, std::uint64_t position, std::uint32_t count, ByteView packed) {
  HF_TRY(const auto entries, split_bundle(packed, count));
  std::vector<Hash> leaves;
  leaves.reserve(count);
  std::size_t skipped_bytes = 0;
  for (const ByteView entry : entries) {
    if (position++ < tail.size())
      skipped_bytes += 2 + entry.size();
    else
      leaves.push_back(leaf_hash(entry));
  }
  if (!leaves.empty()) tail.add(packed.substr(skipped_bytes), leaves);
  return {};
}

}  // namespace

Result<std::unique_ptr<Tail>> load_tail(const storage::Store& store) {
  std::unique_ptr<Tail> tail;
  std::uint64_t next = 0;
  Result<void> outcome;
  HF_CHECK(store.read(kJournal, 0, [&](std::uint64_t position, std::uint32_t count, ByteView packed) {
    outcome = [&]() -> Result<void> {
      if (!tail) {
        // The journal forgets only what is sealed, whole batches at a time, and sealing ends at a full bundle.
        HF_TRY(tail, begin_tail(store, (position + kTileWidth - 1) / kTileWidth * kTileWidth));
        next = position;
      }
      if (position != next) return broken("The journal has a gap: restore the store from a backup.");
      next = position + count;
      return take_batch(*tail, position, count, packed);
    }();
    return outcome.has_value();
  }));
  HF_CHECK(std::move(outcome));
  HF_TRY(const std::uint64_t end, store.end(kJournal));
  // What is sealed was in the journal before: one that ends earlier would go on beside tiles that say otherwise.
  HF_TRY(const auto sealed, store.get_blob(TileId{.number = end / kTileWidth}.path()));
  if (sealed) return broken("The journal ends before what is sealed: restore the store from a backup.");
  if (!tail) {
    if (end % kTileWidth != 0) return broken("The journal lost its end: restore the store from a backup.");
    return begin_tail(store, end);
  }
  if (next != end || tail->size() != end) return broken("The journal lost its end: restore the store from a backup.");
  return tail;
}

Result<Replayed> replay(const storage::Store& store, const Tiles& tiles, std::uint64_t size, Follower& follower) {
  Replayed out;
  HF_TRY(out.snapshot_size, restore_snapshot(store, tiles, size, follower));
  const auto decode = [](std::uint64_t index, ByteView raw) -> Result<Entry> {
    auto entry = Entry::decode(raw);
    if (!entry) {
      entry.error().where = "entry " + std::to_string(index);
      return tl::unexpected<Error>(std::move(entry).error());
    }
    return entry;
  };
  HF_CHECK(tiles.visit(out.snapshot_size, size, [&](std::uint64_t index, ByteView raw) -> Result<bool> {
    HF_TRY(const Entry entry, decode(index, raw));
    HF_CHECK(follower.follow(index, entry));
    return true;
  }));
  if (size > 0) {
    HF_TRY(const Bytes raw, tiles.entry(size - 1));
    HF_TRY(const Entry newest, decode(size - 1, raw));
    out.last_at = newest.at;
  }
  return out;
}

}  // namespace holdfast::evidence
