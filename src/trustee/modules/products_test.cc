#include "trustee/modules/products.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "storage/memory.h"

namespace holdfast::trustee {
namespace {

class ProductsTest : public testing::Test {
 protected:
  Hash put(std::uint64_t job, const Bytes& product) {
    const auto done = products.put(job, salt, product);
    EXPECT_TRUE(done) << done.error().text();
    return sha256({salt, product});
  }
  std::string slug_of(std::uint64_t job, const Hash& digest) {
    const auto got = products.get(job, digest);
    return got ? "" : std::string(got.error().slug);
  }
  Bytes blob(const std::string& name) { return *store->get_blob(name).value(); }
  void replace(const std::string& name, const Bytes& bytes) {
    ASSERT_TRUE(store->delete_blobs(std::span(&name, 1)));
    const storage::Blob blob{name, bytes};
    ASSERT_TRUE(store->put_blobs(std::span(&blob, 1)));
  }

  const Bytes salt = Bytes(16, 's');
  std::unique_ptr<storage::Store> store = storage::open_memory();
  Products products{*store, Key256::from(Bytes(32, 'k')).value()};
};

TEST_F(ProductsTest, ComeBackWhole) {
  for (const std::size_t size : {0u, 1u, (4u << 20) - 1, 4u << 20, (4u << 20) + 1, 9'000'000u}) {
    Bytes product(size, '\0');
    for (std::size_t i = 0; i < size; i += 1000) product[i] = static_cast<char>(i >> 10);
    const Hash digest = put(size, product);
    const auto got = products.get(size, digest);
    ASSERT_TRUE(got) << size << ": " << got.error().text();
    EXPECT_EQ(*got, product);
  }
}

TEST_F(ProductsTest, LieSealed) {
  put(7, "everything that was learnt");
  EXPECT_EQ(blob("product/0000000000000007/0000").find("learnt"), Bytes::npos);
}

TEST_F(ProductsTest, AnotherAttemptTakesTheFirstOnesPlace) {
  put(7, Bytes(9'000'000, 'a'));
  const Hash digest = put(7, "b");
  EXPECT_EQ(*products.get(7, digest), "b");
  EXPECT_EQ(store->list_blobs("product/", "", 10)->size(), 1u);
}

TEST_F(ProductsTest, CannotBeMixedCutOrChanged) {
  const Hash a = put(1, Bytes(9'000'000, 'a')), b = put(2, Bytes(9'000'000, 'b'));
  EXPECT_EQ(slug_of(1, b), "product.damaged");
  EXPECT_EQ(slug_of(3, a), "product.missing");
  const std::string second = "product/0000000000000001/0001", third = "product/0000000000000001/0002";
  const Bytes was = blob(second);
  replace(second, blob("product/0000000000000002/0001"));
  EXPECT_EQ(slug_of(1, a), "product.damaged");
  replace(second, blob(third));
  EXPECT_EQ(slug_of(1, a), "product.damaged");
  replace(second, was);
  EXPECT_EQ(slug_of(1, a), "");
  ASSERT_TRUE(store->delete_blobs(std::span(&third, 1)));
  EXPECT_EQ(slug_of(1, a), "product.damaged");
}

TEST_F(ProductsTest, OnlyThoseInForceAreKept) {
  const Hash a = put(1, "a"), b = put(20, "b"), c = put(3, "c");
  ASSERT_TRUE(products.keep({20}));
  EXPECT_EQ(slug_of(1, a), "product.missing");
  EXPECT_EQ(slug_of(20, b), "");
  EXPECT_EQ(slug_of(3, c), "product.missing");
}

}  // namespace
}  // namespace holdfast::trustee
