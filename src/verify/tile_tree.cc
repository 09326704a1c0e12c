#include "verify/tile_tree.h"

#include <optional>

namespace holdfast::verify {

using evidence::kTileWidth;
using evidence::TileId;

namespace {

constexpr std::size_t kLevelsMax = 8;  // 256^8 leaves: all that a 64-bit size can count

/// How many leaves one hash of `level` stands for.
std::uint64_t leaves_under(std::size_t level) { return std::uint64_t{1} << (8 * level); }

}  // namespace

void TileTree::append(const Hash& leaf, const Finished& finished) {
  ++size_;
  push(0, leaf, finished);
}

void TileTree::append_tile(const Hash& root, const Finished& finished) {
  HF_ASSERT(size_ % kTileWidth == 0);
  size_ += kTileWidth;
  if (levels_.empty()) levels_.emplace_back();
  push(1, root, finished);
}

void TileTree::push(std::size_t level, const Hash& hash, const Finished& finished) {
  HF_ASSERT(level < kLevelsMax);
  if (level == levels_.size()) levels_.emplace_back();
  levels_[level].push_back(hash);
  if (levels_[level].size() < kTileWidth) return;
  const std::uint64_t number = size_ / leaves_under(level) / kTileWidth - 1;
  finished({false, static_cast<std::uint8_t>(level), number, kTileWidth}, levels_[level]);
  const Hash root = evidence::complete_root(levels_[level]);
  levels_[level].clear();
  push(level + 1, root, finished);
}

Hash TileTree::root() const {
  // The complete subtrees from right to left, each joined to what stands right of it.
  std::optional<Hash> right;
  for (const std::vector<Hash>& level : levels_) {
    std::size_t end = level.size();
    for (std::size_t width = 1; width <= end; width *= 2) {
      if (!(level.size() & width)) continue;
      const Hash left = evidence::complete_root(std::span(level).subspan(end - width, width));
      right = right ? evidence::node_hash(left, *right) : left;
      end -= width;
    }
  }
  return right ? *right : evidence::empty_root();
}

std::span<const Hash> TileTree::edge(std::size_t level) const {
  return level < levels_.size() ? std::span<const Hash>(levels_[level]) : std::span<const Hash>();
}

TileId TileTree::edge_id(std::size_t level) const {
  const auto width = static_cast<std::uint16_t>(edge(level).size());
  return {false, static_cast<std::uint8_t>(level), size_ / leaves_under(level) / kTileWidth, width};
}

Bytes TileTree::encode() const {
  Bytes out;
  put_u64(out, size_);
  for (const std::vector<Hash>& level : levels_) {
    for (const Hash& hash : level) out += hash.view();
  }
  return out;
}

Result<TileTree> TileTree::decode(ByteView raw) {
  ByteReader in(raw);
  TileTree out;
  out.size_ = in.u64();
  for (std::size_t level = 0; level < kLevelsMax && out.size_ >= leaves_under(level); ++level) {
    out.levels_.emplace_back();
    for (std::uint64_t left = out.size_ / leaves_under(level) % kTileWidth; left > 0 && in.ok(); --left) {
      if (const auto hash = Hash::from(in.take(Hash::kSize))) out.levels_.back().push_back(*hash);
    }
  }
  if (!in.done()) return fail(Code::corrupt, "verify.tree.corrupt", "", "the remembered tree cannot be read");
  return out;
}

}  // namespace holdfast::verify
