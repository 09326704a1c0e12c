#include "evidence/formats/tree.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "base/hash.h"

namespace holdfast::evidence {
namespace {

// RFC 6962 §2.1 word for word, over whole lists: slow, and plainly right.

using Leaves = std::span<const Hash>;

std::size_t split(std::size_t n) {
  std::size_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

Hash naive_root(Leaves leaves) {
  if (leaves.empty()) return empty_root();
  if (leaves.size() == 1) return leaves[0];
  const std::size_t k = split(leaves.size());
  return node_hash(naive_root(leaves.first(k)), naive_root(leaves.subspan(k)));
}

std::vector<Hash> naive_path(std::size_t m, Leaves leaves) {
  if (leaves.size() == 1) return {};
  const std::size_t k = split(leaves.size());
  auto out = m < k ? naive_path(m, leaves.first(k)) : naive_path(m - k, leaves.subspan(k));
  out.push_back(naive_root(m < k ? leaves.subspan(k) : leaves.first(k)));
  return out;
}

std::vector<Hash> naive_subproof(std::size_t m, Leaves leaves, bool whole) {
  if (m == leaves.size()) return whole ? std::vector<Hash>{} : std::vector<Hash>{naive_root(leaves)};
  const std::size_t k = split(leaves.size());
  if (m <= k) {
    auto out = naive_subproof(m, leaves.first(k), whole);
    out.push_back(naive_root(leaves.subspan(k)));
    return out;
  }
  auto out = naive_subproof(m - k, leaves.subspan(k), false);
  out.push_back(naive_root(leaves.first(k)));
  return out;
}

std::vector<Hash> some_leaves(std::size_t count) {
  std::vector<Hash> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(leaf_hash("entry " + std::to_string(i)));
  return out;
}

HashReader reader_of(Leaves leaves) {
  return [leaves](unsigned level, std::uint64_t index) -> Result<Hash> {
    const std::size_t width = std::size_t{1} << level;
    EXPECT_LE((index + 1) * width, leaves.size()) << "asked for an incomplete subtree";
    return naive_root(leaves.subspan(index * width, width));
  };
}

Hash flipped(Hash hash, std::size_t bit) {
  hash.bytes[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
  return hash;
}

constexpr std::size_t kSizeMax = 300;

TEST(Tree, HashesLeavesAndNodesApart) {
  EXPECT_EQ(to_base64(empty_root().view()), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  EXPECT_EQ(leaf_hash("abc"), sha256(std::string("\0abc", 4)));
  const Hash a = leaf_hash("a"), b = leaf_hash("b");
  EXPECT_EQ(node_hash(a, b), sha256("\x01" + std::string(a.view()) + std::string(b.view())));
}

TEST(Tree, RootsAgreeWithTheDefinition) {
  const auto leaves = some_leaves(kSizeMax);
  Frontier frontier;
  for (std::size_t size = 0; size <= kSizeMax; ++size) {
    const Leaves first = Leaves(leaves).first(size);
    const Hash expected = naive_root(first);
    EXPECT_EQ(frontier.root(), expected) << size;
    EXPECT_EQ(root_of(size, reader_of(first)).value(), expected) << size;
    if (std::has_single_bit(size)) {
      EXPECT_EQ(complete_root(first), expected) << size;
    }
    const auto again = Frontier::decode(frontier.encode());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->size(), size);
    EXPECT_EQ(again->root(), expected);
    if (size < kSizeMax) frontier.append(leaves[size]);
  }
}

TEST(Tree, FrontierRefusesHashesThatDoNotFitItsSize) {
  Frontier frontier;
  for (const Hash& leaf : some_leaves(7)) frontier.append(leaf);
  const Bytes raw = frontier.encode();
  for (std::size_t size = 0; size < raw.size(); ++size) EXPECT_FALSE(Frontier::decode(raw.substr(0, size))) << size;
  EXPECT_FALSE(Frontier::decode(raw + '\0'));
}

TEST(Tree, InclusionProofsAgreeWithTheDefinitionAndHold) {
  const auto leaves = some_leaves(kSizeMax);
  // Every leaf of the small trees; of the larger ones (naive proofs are slow) those at the seams.
  for (std::size_t size = 1; size <= kSizeMax; ++size) {
    const Leaves first = Leaves(leaves).first(size);
    const Hash root = naive_root(first);
    const std::size_t step = size <= 70 ? 1 : 37;
    for (std::size_t index = 0; index < size; index += step) {
      const auto proof = inclusion_proof(index, size, reader_of(first));
      ASSERT_TRUE(proof);
      EXPECT_EQ(*proof, naive_path(index, first)) << index << " of " << size;
      EXPECT_TRUE(check_inclusion(leaves[index], index, size, root, *proof)) << index << " of " << size;
    }
  }
}

TEST(Tree, ConsistencyProofsAgreeWithTheDefinitionAndHold) {
  const auto leaves = some_leaves(kSizeMax);
  for (std::size_t size = 0; size <= kSizeMax; ++size) {
    const Leaves first = Leaves(leaves).first(size);
    const Hash root = naive_root(first);
    const std::size_t step = size <= 70 ? 1 : 41;
    for (std::size_t old_size = 0; old_size <= size; old_size += step) {
      const auto proof = consistency_proof(old_size, size, reader_of(first));
      ASSERT_TRUE(proof);
      if (old_size > 0) {
        EXPECT_EQ(*proof, naive_subproof(old_size, first, true)) << old_size << " to " << size;
      }
      EXPECT_TRUE(check_consistency(old_size, naive_root(first.first(old_size)), size, root, *proof))
          << old_size << " to " << size;
    }
  }
}

TEST(Tree, NoProofHoldsWithABitTurned) {
  const auto leaves = some_leaves(40);
  for (const std::size_t size : {1, 2, 3, 5, 8, 13, 40}) {
    const Leaves first = Leaves(leaves).first(size);
    const Hash root = naive_root(first);
    for (std::size_t index = 0; index < size; ++index) {
      const auto proof = inclusion_proof(index, size, reader_of(first)).value();
      for (std::size_t at = 0; at < proof.size(); ++at) {
        for (std::size_t bit = 0; bit < 256; ++bit) {
          auto wrong = proof;
          wrong[at] = flipped(wrong[at], bit);
          ASSERT_FALSE(check_inclusion(leaves[index], index, size, root, wrong));
        }
      }
      ASSERT_FALSE(check_inclusion(flipped(leaves[index], 77), index, size, root, proof));
      ASSERT_FALSE(check_inclusion(leaves[index], index, size, flipped(root, 200), proof));
    }
    for (std::size_t old_size = 1; old_size <= size; ++old_size) {
      const Hash old_root = naive_root(first.first(old_size));
      const auto proof = consistency_proof(old_size, size, reader_of(first)).value();
      for (std::size_t at = 0; at < proof.size(); ++at) {
        for (std::size_t bit = 0; bit < 256; ++bit) {
          auto wrong = proof;
          wrong[at] = flipped(wrong[at], bit);
          ASSERT_FALSE(check_consistency(old_size, old_root, size, root, wrong));
        }
      }
      ASSERT_FALSE(check_consistency(old_size, flipped(old_root, 3), size, root, proof));
      ASSERT_FALSE(check_consistency(old_size, old_root, size, flipped(root, 3), proof));
    }
  }
}

TEST(Tree, ProofsHoldForTheirOwnPlaceOnly) {
  constexpr std::size_t size = 23;
  const auto leaves = some_leaves(size + 1);
  const Leaves first = Leaves(leaves).first(size);
  const Hash root = naive_root(first);
  for (std::size_t index = 0; index < size; ++index) {
    const auto proof = inclusion_proof(index, size, reader_of(first)).value();
    for (std::size_t other = 0; other <= size; ++other) {
      EXPECT_EQ(check_inclusion(leaves[index], other, size, root, proof).has_value(), other == index);
    }
    auto longer = proof;
    longer.push_back(root);
    EXPECT_FALSE(check_inclusion(leaves[index], index, size, root, longer));
    EXPECT_FALSE(check_inclusion(leaves[index], index, size, root, std::span(proof).first(proof.size() - 1)));
  }
  const auto read = reader_of(first);
  EXPECT_EQ(inclusion_proof(size, size, read).error().code, Code::invalid);
  EXPECT_EQ(inclusion_proof(0, 0, read).error().code, Code::invalid);
  EXPECT_EQ(consistency_proof(size + 1, size, read).error().code, Code::invalid);
  EXPECT_FALSE(check_consistency(size + 1, root, size, root, {}));
  EXPECT_FALSE(check_consistency(3, root, size, root, {}));
  EXPECT_FALSE(check_consistency(0, root, size, root, {}));
}

TEST(Tree, ErrorsOfTheReaderComeThrough) {
  const HashReader broken = [](unsigned, std::uint64_t) -> Result<Hash> {
    return fail(Code::unavailable, "test.broken", "", "x");
  };
  EXPECT_EQ(root_of(5, broken).error().slug, "test.broken");
  EXPECT_EQ(inclusion_proof(1, 5, broken).error().slug, "test.broken");
  EXPECT_EQ(consistency_proof(2, 5, broken).error().slug, "test.broken");
}

}  // namespace
}  // namespace holdfast::evidence
