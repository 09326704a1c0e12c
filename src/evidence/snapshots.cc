#include "evidence/snapshots.h"

#include "base/hash.h"
#include "evidence/names.h"

namespace holdfast::evidence {
namespace {

// u32 format || u64 size || root of the tree of that size || sized state || SHA-256 of all before
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kKept = 2;
constexpr std::size_t kPage = 256;

struct Snapshot {
  std::uint64_t size = 0;
  Hash root;
  ByteView state;
};

/// Views into `raw`; nothing when it is damaged or of another version.
std::optional<Snapshot> decode(ByteView raw) {
  if (raw.size() < Hash::kSize) return std::nullopt;
  const ByteView content = raw.substr(0, raw.size() - Hash::kSize);
  if (sha256(content).view() != raw.substr(content.size())) return std::nullopt;
  ByteReader in(content);
  const bool known = in.u32() == kFormat;
  Snapshot out;
  out.size = in.u64();
  const auto root = Hash::from(in.take(Hash::kSize));
  out.state = in.sized();
  if (!known || !root || !in.done()) return std::nullopt;
  out.root = *root;
  return out;
}

}  // namespace

Result<void> write_snapshot(storage::Store& store, const Tiles& tiles, std::uint64_t size, ByteView state) {
  HF_TRY(const Hash root, root_of(size, tiles.hashes(size)));
  storage::Blob blob{name_by_size(kSnapshotPrefix, size), {}};
  put_u32(blob.bytes, kFormat);
  put_u64(blob.bytes, size);
  blob.bytes += root.view();
  put_sized(blob.bytes, state);
  blob.bytes += sha256(blob.bytes).view();
  // One of this size that is there already was found wanting, or was made by another version.
  HF_CHECK(store.delete_blobs({&blob.name, 1}));
  HF_CHECK(store.put_blobs({&blob, 1}));
  HF_TRY(std::vector<std::string> names, store.list_blobs(kSnapshotPrefix, "", kPage));
  if (names.size() <= kKept) return {};
  names.resize(names.size() - kKept);
  return store.delete_blobs(names);
}

Result<std::uint64_t> restore_snapshot(const storage::Store& store, const Tiles& tiles, std::uint64_t size,
                                       Follower& follower) {
  HF_TRY(const std::vector<std::string> names, store.list_blobs(kSnapshotPrefix, "", kPage));
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    // Whatever is wrong with a snapshot, the log itself holds all that it says: try the next, at last none.
    const auto raw = store.get_blob(*name);
    if (!raw || !*raw) continue;
    const auto snapshot = decode(**raw);
    if (!snapshot || snapshot->size > size) continue;
    const auto root = root_of(snapshot->size, tiles.hashes(snapshot->size));
    if (!root || *root != snapshot->root) continue;
    if (follower.restore(snapshot->state)) return snapshot->size;
  }
  return std::uint64_t{0};
}

}  // namespace holdfast::evidence
