#include "evidence/tail.h"

#include "evidence/formats/tree.h"

namespace holdfast::evidence {

std::optional<ByteView> first_entries(ByteView bundle, std::size_t width) {
  ByteReader in(bundle);
  for (std::size_t i = 0; i < width; ++i) in.take(in.u16());
  if (!in.ok()) return std::nullopt;
  return bundle.substr(0, bundle.size() - in.left());
}

Tail::Tail(std::uint64_t sealed, Upper upper) : size_(sealed), sealed_(sealed) {
  HF_ASSERT(sealed % kTileWidth == 0);
  std::uint64_t hashes = sealed;
  for (unsigned level = 0; level < kLevels; ++level, hashes /= kTileWidth) {
    levels_[level].first = hashes / kTileWidth * kTileWidth;
    levels_[level].hashes = std::move(upper[level]);
    HF_ASSERT(levels_[level].end() == hashes);
  }
}

void Tail::add(ByteView packed, std::span<const Hash> leaves, std::span<const Hash> roots) {
  const std::lock_guard lock(mutex_);
  add_entries(packed);
  levels_[0].hashes.insert(levels_[0].hashes.end(), leaves.begin(), leaves.end());
  for (unsigned level = 0; level + 1 < kLevels; ++level) {
    const Level& below = levels_[level];
    Level& above = levels_[level + 1];
    while (above.end() < below.end() / kTileWidth) {
      if (level == 0 && !roots.empty()) {
        above.hashes.push_back(roots.front());
        roots = roots.subspan(1);
        continue;
      }
      const std::uint64_t at = above.end() * kTileWidth - below.first;
      above.hashes.push_back(complete_root(std::span(below.hashes).subspan(at, kTileWidth)));
    }
  }
  size_ = levels_[0].end();
}

std::vector<Hash> Tail::unfinished() const {
  const std::lock_guard lock(mutex_);
  const std::vector<Hash>& leaves = levels_[0].hashes;
  return {leaves.end() - static_cast<std::ptrdiff_t>(leaves.size() % kTileWidth), leaves.end()};
}

void Tail::add_entries(ByteView packed) {
  std::uint64_t index = levels_[0].end();
  while (!packed.empty()) {
    const std::uint64_t used = index % kTileWidth;
    if (used == 0) {
      // As large as the last: one bundle is much like the next, and growing would copy it again and again.
      const std::size_t size = bundles_.empty() ? 0 : bundles_.back().size() * 9 / 8;
      bundles_.emplace_back().reserve(size);
    }
    // To the end of this bundle or of what there is, whichever comes first.
    std::size_t end = 0;
    for (std::uint64_t i = used; i < kTileWidth && end < packed.size(); ++i, ++index) {
      end +=
          2 + (std::size_t{static_cast<unsigned char>(packed[end])} << 8 | static_cast<unsigned char>(packed[end + 1]));
    }
    HF_ASSERT(end <= packed.size());
    bundles_.back() += packed.substr(0, end);
    packed.remove_prefix(end);
  }
}

void Tail::drop(std::uint64_t sealed) {
  HF_ASSERT(sealed % kTileWidth == 0 && sealed >= sealed_ && sealed <= size_);
  const std::lock_guard lock(mutex_);
  bundles_.erase(bundles_.begin(), bundles_.begin() + static_cast<std::ptrdiff_t>((sealed - sealed_) / kTileWidth));
  std::uint64_t hashes = sealed;
  for (Level& level : levels_) {
    const std::uint64_t first = hashes / kTileWidth * kTileWidth;
    level.hashes.erase(level.hashes.begin(), level.hashes.begin() + static_cast<std::ptrdiff_t>(first - level.first));
    level.first = first;
    hashes /= kTileWidth;
  }
  sealed_ = sealed;
}

std::optional<Bytes> Tail::tile(const TileId& id) const {
  if (id.level >= kLevels) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const Level& level = levels_[id.level];
  const std::uint64_t begin = id.number * kTileWidth;
  if (begin < level.first || begin + id.width > level.end()) return std::nullopt;
  if (id.entries) {
    const Bytes& bundle = bundles_[(begin - level.first) / kTileWidth];
    return id.width == kTileWidth ? bundle : Bytes(first_entries(bundle, id.width).value());
  }
  Bytes out;
  out.reserve(id.width * Hash::kSize);
  for (std::size_t i = 0; i < id.width; ++i) out += level.hashes[begin - level.first + i].view();
  return out;
}

}  // namespace holdfast::evidence
