#include "trustee/modules/files.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "storage/memory.h"

namespace holdfast::trustee {
namespace {

class ModuleFilesTest : public testing::Test {
 protected:
  void put(const storage::Blob& blob) { ASSERT_TRUE(store->put_blobs(std::span(&blob, 1))); }

  const Bytes file = Bytes("\0asm", 4) + Bytes(1000, 'm');
  const Hash hash = sha256(file);
  std::unique_ptr<storage::Store> store = storage::open_memory();
  ModuleFiles files{*store, Key256::from(Bytes(32, 'k')).value()};
};

TEST_F(ModuleFilesTest, GivesBackWhatWasPutAndShowsNothingOfIt) {
  const storage::Blob sealed = files.sealed(hash, file);
  EXPECT_EQ(sealed.bytes.find("mmmm"), Bytes::npos);
  put(sealed);
  const auto got = files.get(hash);
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(*got, file);
}

TEST_F(ModuleFilesTest, TakesNoOtherForIt) {
  EXPECT_EQ(files.get(hash).error().slug, "module.missing");
  const Hash other = sha256("another");
  storage::Blob moved = files.sealed(other, file);
  moved.name = files.sealed(hash, file).name;
  put(moved);
  EXPECT_EQ(files.get(hash).error().slug, "module.missing") << "it is bound to its hash";
  const ModuleFiles elsewhere(*store, Key256::from(Bytes(32, 'x')).value());
  put(files.sealed(other, file));
  EXPECT_TRUE(files.get(other));
  EXPECT_EQ(elsewhere.get(other).error().slug, "module.missing");
}

}  // namespace
}  // namespace holdfast::trustee
