#include "vault/root_keys.h"

#include <sys/stat.h>

#include "base/file.h"
#include "vault/testing.h"

namespace holdfast::vault {
namespace {

class RootKeysTest : public ::testing::Test {
 protected:
  TemporaryFolder folder;
  std::string path = folder.file("root.keys");
};

TEST_F(RootKeysTest, AreWrittenForTheirOwnerOnly) {
  ASSERT_TRUE(FileRootKeys::create(path));
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  EXPECT_EQ(FileRootKeys::create(path).error().slug, "vault.root_key.exists");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(FileRootKeys::load(path).error().slug, "key.file.wide");
}

TEST_F(RootKeysTest, UnwrapWhatTheyWrappedAfterLoading) {
  const auto keys = FileRootKeys::create(path);
  const auto wrapped = (*keys)->wrap("secret", "context");
  const auto loaded = FileRootKeys::load(path);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(*(*loaded)->unwrap(*wrapped, "context"), "secret");
  EXPECT_EQ((*loaded)->unwrap(*wrapped, "other").error().slug, "vault.wrapped.damaged");
  EXPECT_EQ((*loaded)->unwrap("short", "context").error().slug, "vault.wrapped.damaged");
  EXPECT_EQ(*RootKeys::wrapped_by(*wrapped), (*keys)->ids().back());
}

TEST_F(RootKeysTest, TheNewestWrapsAndTheOldestUnwraps) {
  const auto keys = FileRootKeys::create(path);
  const auto before = (*keys)->wrap("old", "c");
  ASSERT_TRUE((*keys)->add_new());
  const auto after = (*keys)->wrap("new", "c");
  const auto loaded = FileRootKeys::load(path);
  ASSERT_EQ((*loaded)->ids(), (*keys)->ids());
  EXPECT_EQ(*RootKeys::wrapped_by(*after), (*loaded)->ids()[1]);
  EXPECT_EQ(*(*loaded)->unwrap(*before, "c"), "old");

  ASSERT_TRUE((*loaded)->drop_old());
  const auto again = FileRootKeys::load(path);
  EXPECT_EQ((*again)->ids().size(), 1u);
  const Error missing = (*again)->unwrap(*before, "c").error();
  EXPECT_EQ(missing.slug, "vault.root_key.missing");
  EXPECT_EQ(missing.code, Code::corrupt) << "it will fail again";
  EXPECT_EQ(*(*again)->unwrap(*after, "c"), "new");
}

TEST_F(RootKeysTest, RefuseAFileThatIsNoKeyFile) {
  EXPECT_EQ(FileRootKeys::load(path).error().code, Code::not_found);
  ASSERT_TRUE(FileRootKeys::create(path));
  const std::string good = *read_file(path);
  std::string other_id = good;
  other_id[21] = other_id[21] == '0' ? '1' : '0';
  for (const std::string& bad :
       {std::string(), std::string("holdfast root keys 1\n"), good.substr(0, good.size() - 1), good + "x\n",
        good + "\n", "x" + good, other_id, good.substr(0, good.size() - 9) + "\n"}) {
    ASSERT_TRUE(write_file(path, bad, 0600));
    EXPECT_EQ(FileRootKeys::load(path).error().slug, "vault.root_key.malformed") << bad.size();
  }
}

}  // namespace
}  // namespace holdfast::vault
