#include "evidence/formats/tree.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"

namespace holdfast::evidence {
namespace {

/// The largest power of two strictly below n; n > 1.
std::uint64_t split_point(std::uint64_t n) { return std::bit_floor(n - 1); }

/// Root of leaves [begin, end), where `begin` is aligned as in an RFC 6962 tree: to the largest power of two that is
/// at most the range's length.
Result<Hash> range_root(std::uint64_t begin, std::uint64_t end, const HashReader& read) {
  std::vector<Hash> roots;
  while (begin < end) {
    const std::uint64_t width = std::bit_floor(end - begin);
    const auto level = static_cast<unsigned>(std::countr_zero(width));
    HF_TRY(const Hash root, read(level, begin >> level));
    roots.push_back(root);
    begin += width;
  }
  Hash root = roots.back();
  for (std::size_t i = roots.size() - 1; i-- > 0;) root = node_hash(roots[i], root);
  return root;
}

tl::unexpected<Error> wrong_proof(std::string_view what) {
  return fail(Code::corrupt, "evidence.proof.wrong", "", std::string(what));
}

}  // namespace

Hash empty_root() { return sha256(ByteView{}); }

Hash leaf_hash(ByteView entry) { return sha256({ByteView("\0", 1), entry}); }

Hash node_hash(const Hash& left, const Hash& right) {
  std::array<char, 1 + 2 * Hash::kSize> text;
  text[0] = 1;
  std::ranges::copy(left.view(), text.begin() + 1);
  std::ranges::copy(right.view(), text.begin() + 1 + Hash::kSize);
  return sha256(ByteView(text.data(), text.size()));
}

Hash complete_root(std::span<const Hash> hashes) {
  HF_ASSERT(std::has_single_bit(hashes.size()));
  if (hashes.size() == 1) return hashes.front();
  std::vector<Hash> row(hashes.size() / 2);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = node_hash(hashes[2 * i], hashes[2 * i + 1]);
  for (std::size_t width = row.size() / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) row[i] = node_hash(row[2 * i], row[2 * i + 1]);
  }
  return row.front();
}

void Frontier::append(const Hash& leaf) {
  Hash root = leaf;
  for (std::uint64_t rest = size_; rest & 1; rest >>= 1) {
    root = node_hash(roots_.back(), root);
    roots_.pop_back();
  }
  roots_.push_back(root);
  ++size_;
}

Hash Frontier::root() const {
  if (roots_.empty()) return empty_root();
  Hash root = roots_.back();
  for (std::size_t i = roots_.size() - 1; i-- > 0;) root = node_hash(roots_[i], root);
  return root;
}

Bytes Frontier::encode() const {
  Bytes out;
  put_u64(out, size_);
  for (const Hash& root : roots_) out += root.view();
  return out;
}

Result<Frontier> Frontier::decode(ByteView raw) {
  ByteReader in(raw);
  Frontier frontier;
  frontier.size_ = in.u64();
  const auto count = static_cast<std::size_t>(std::popcount(frontier.size_));
  if (!in.ok() || in.left() != count * Hash::kSize) {
    return fail(Code::corrupt, "evidence.frontier.malformed", "", "The frontier's hashes do not fit its size.");
  }
  for (std::size_t i = 0; i < count; ++i) frontier.roots_.push_back(*Hash::from(in.take(Hash::kSize)));
  return frontier;
}

Result<Hash> root_of(std::uint64_t size, const HashReader& read) {
  if (size == 0) return empty_root();
  return range_root(0, size, read);
}

Result<std::vector<Hash>> inclusion_proof(std::uint64_t index, std::uint64_t size, const HashReader& read) {
  if (index >= size) {
    return fail(Code::invalid, "evidence.proof.index", "index", "The tree has no such leaf: ask below its size.");
  }
  std::vector<Hash> proof;
  std::uint64_t begin = 0, end = size;
  while (end - begin > 1) {
    const std::uint64_t middle = begin + split_point(end - begin);
    const bool left = index < middle;
    HF_TRY(const Hash sibling, left ? range_root(middle, end, read) : range_root(begin, middle, read));
    proof.push_back(sibling);
    (left ? end : begin) = middle;
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<std::vector<Hash>> consistency_proof(std::uint64_t old_size, std::uint64_t size, const HashReader& read) {
  if (old_size > size) {
    return fail(Code::invalid, "evidence.proof.sizes", "", "The old size is above the new: name them in order.");
  }
  std::vector<Hash> proof;
  if (old_size == 0 || old_size == size) return proof;
  std::uint64_t begin = 0, end = size;
  while (end != old_size) {
    const std::uint64_t middle = begin + split_point(end - begin);
    const bool left = old_size <= middle;
    HF_TRY(const Hash sibling, left ? range_root(middle, end, read) : range_root(begin, middle, read));
    proof.push_back(sibling);
    (left ? end : begin) = middle;
  }
  // The old tree's last complete subtree: left out when it is the whole old tree, whose root the checker has.
  if (begin != 0) {
    HF_TRY(const Hash seed, range_root(begin, end, read));
    proof.push_back(seed);
  }
  std::ranges::reverse(proof);
  return proof;
}

// The two checks are those of RFC 9162 §2.1.3.2 and §2.1.4.2, the same trees as RFC 6962's.

Result<void> check_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size, const Hash& root,
                             std::span<const Hash> proof) {
  if (index >= size) return wrong_proof("The proof's index is not below the tree's size.");
  std::uint64_t node = index, last = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (last == 0) return wrong_proof("The inclusion proof is too long for its tree.");
    if ((node & 1) || node == last) {
      hash = node_hash(sibling, hash);
      while (!(node & 1) && node != 0) node >>= 1, last >>= 1;
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1, last >>= 1;
  }
  if (last != 0) return wrong_proof("The inclusion proof is too short for its tree.");
  if (hash != root) return wrong_proof("The inclusion proof does not lead to the tree's root.");
  return {};
}

Result<void> check_consistency(std::uint64_t old_size, const Hash& old_root, std::uint64_t size, const Hash& root,
                               std::span<const Hash> proof) {
  if (old_size > size) return wrong_proof("The old tree is larger than the new one.");
  if (old_size == 0 || old_size == size) {
    if (!proof.empty()) return wrong_proof("The consistency proof must be empty here.");
    const Hash& expected = old_size == 0 ? empty_root() : root;
    if (old_root != expected) return wrong_proof("The trees have different roots at the same size.");
    return {};
  }
  if (proof.empty()) return wrong_proof("The consistency proof is missing.");
  std::uint64_t node = old_size - 1, last = size - 1;
  while (node & 1) node >>= 1, last >>= 1;
  const bool whole = std::has_single_bit(old_size);
  Hash old_hash = whole ? old_root : proof.front(), new_hash = old_hash;
  for (const Hash& sibling : proof.subspan(whole ? 0 : 1)) {
    if (last == 0) return wrong_proof("The consistency proof is too long for its trees.");
    if ((node & 1) || node == last) {
      old_hash = node_hash(sibling, old_hash);
      new_hash = node_hash(sibling, new_hash);
      while (!(node & 1) && node != 0) node >>= 1, last >>= 1;
    } else {
      new_hash = node_hash(new_hash, sibling);
    }
    node >>= 1, last >>= 1;
  }
  if (last != 0) return wrong_proof("The consistency proof is too short for its trees.");
  if (old_hash != old_root) return wrong_proof("The consistency proof does not lead to the old root.");
  if (new_hash != root) return wrong_proof("The consistency proof does not lead to the new root.");
  return {};
}

}  // namespace holdfast::evidence
