#include <atomic>
#include <random>
#include <thread>

#include "storage/conformance_test.h"
#include "storage/rocksdb/file_search.h"
#include "storage/rocksdb/opened_test.h"

namespace holdfast::storage {
namespace {

/// 60 random bytes, as a wrapped key is.
Bytes wrapped_key(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes key;
  while (key.size() < 60) put_u64(key, random());
  key.resize(60);
  return key;
}

TEST(Shred, no_file_holds_what_was_shredded) {
  const Scratch scratch;
  auto store = must_open(scratch / "store");
  constexpr std::uint64_t kLockers = 2000;
  std::vector<LockerChange> changes;
  for (std::uint64_t n = 0; n < kLockers; ++n) {
    changes.push_back({Shelf::keys, locker(n), kAnyVersion, {{"key", wrapped_key(n)}}, {}});
  }
  for (const auto& result : store->apply(changes)) ASSERT_TRUE(result);
  store.reset();  // some lie in tables, some in the log
  store = must_open(scratch / "store");
  ASSERT_TRUE(put(*store, Shelf::keys, 7, "older", wrapped_key(10'007)));
  ASSERT_TRUE(put(*store, Shelf::keys, 7, "older", wrapped_key(20'007)));  // as after a rotation of the root key
  ASSERT_FALSE(grep(scratch / "store", wrapped_key(7)).empty()) << "or this test could not fail";
  ASSERT_FALSE(grep(scratch / "store", wrapped_key(10'007)).empty());

  const LockerId gone = locker(7);
  const auto shredded = store->shred(Shelf::keys, {&gone, 1});
  ASSERT_TRUE(shredded) << shredded.error().text();
  for (const std::uint64_t seed : {7u, 10'007u, 20'007u}) {
    EXPECT_EQ(grep(scratch / "store", wrapped_key(seed)), std::vector<std::string>()) << seed;
  }
  EXPECT_EQ(**store->get(Shelf::keys, locker(8), "key"), wrapped_key(8));
  EXPECT_FALSE(grep(scratch / "store", wrapped_key(8)).empty()) << "what stays is not compressed, so grep sees it";
}

TEST(Shred, many_at_once) {
  const Scratch scratch;
  const auto store = must_open(scratch / "store");
  std::vector<LockerId> ids;
  for (std::uint64_t n = 0; n < 300; ++n) {
    ASSERT_TRUE(put(*store, Shelf::keys, n, "key", wrapped_key(n)));
    if (n % 3 == 0) ids.push_back(locker(n));
  }
  ASSERT_TRUE(store->shred(Shelf::keys, ids));
  std::string all;
  for (const std::string& file : grep(scratch / "store", "")) all += slurp(file);
  for (std::uint64_t n = 0; n < 300; ++n) EXPECT_EQ(all.find(wrapped_key(n)) == all.npos, n % 3 == 0) << n;
}

TEST(Shred, holds_while_others_write_and_read) {
  const Scratch scratch;
  const auto store = must_open(scratch / "store");
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::uint64_t n = 1000; !stop; ++n) ASSERT_TRUE(put(*store, Shelf::keys, n, "key", wrapped_key(n)));
  });
  std::thread reader([&] {
    while (!stop) ASSERT_TRUE(store->list(Shelf::keys, std::nullopt, 100));
  });
  for (std::uint64_t n = 0; n < 10; ++n) {
    ASSERT_TRUE(put(*store, Shelf::keys, n, "key", wrapped_key(n)));
    const LockerId id = locker(n);
    const auto shredded = store->shred(Shelf::keys, {&id, 1});
    EXPECT_TRUE(shredded) << shredded.error().text();
    EXPECT_TRUE(grep(scratch / "store/keys", wrapped_key(n)).empty());
  }
  stop = true;
  writer.join();
  reader.join();
}

TEST(Shred, says_so_when_a_file_still_holds_a_value) {
  const Scratch scratch;
  const auto store = must_open(scratch / "store");
  ASSERT_TRUE(put(*store, Shelf::keys, 1, "key", wrapped_key(1)));
  std::ofstream(scratch / "store/keys/left.sst.bak", std::ios::binary) << "padding" << wrapped_key(1);
  const LockerId id = locker(1);
  const auto shredded = store->shred(Shelf::keys, {&id, 1});
  ASSERT_TRUE(fails(shredded, Code::unavailable, "storage.shred.left"));
  // Asked for again, when the locker is gone, nothing is proven either.
  EXPECT_TRUE(fails(store->shred(Shelf::keys, {&id, 1}), Code::unavailable, "storage.shred.left"));
  EXPECT_EQ(shredded.error().where, scratch / "store/keys/left.sst.bak");
}

TEST(FileSearch, finds_values_across_read_windows_and_log_blocks) {
  const Scratch scratch;
  const FileSearch search({wrapped_key(1), wrapped_key(2), "too short"});
  const auto write = [&](const std::string& name, const Bytes& content) {
    std::filesystem::create_directories(scratch / "d");
    std::ofstream(scratch / ("d/" + name), std::ios::binary) << content;
  };
  write("a.sst", Bytes(5u << 20, 'x') + "too short");
  EXPECT_EQ(*search.first_hit(scratch / "d"), std::nullopt);
  EXPECT_EQ(*search.first_hit(scratch / "d"), std::nullopt);
  for (const std::size_t before :
       {std::size_t{0}, std::size_t{(1u << 20) - 30}, std::size_t{(1u << 20) - 60}, std::size_t{(3u << 20) + 1}}) {
    write("b.sst", Bytes(before, 'x') + wrapped_key(2));
    EXPECT_EQ(*search.first_hit(scratch / "d"), scratch / "d/b.sst") << before;
  }
  std::filesystem::remove(scratch / "d/b.sst");
  for (const std::size_t block : {1u, 5u, 32u, 40u}) {
    const Bytes key = wrapped_key(1), header(7, 'h');
    Bytes log = Bytes(block * 32768 - 20, 'x') + key.substr(0, 20) + header + key.substr(20) + "more";
    write("c.log", log);
    EXPECT_EQ(*search.first_hit(scratch / "d"), scratch / "d/c.log") << "cut by the header of block " << block;
    log[block * 32768 + 7] ^= 1;
    write("c.log", log);
    EXPECT_EQ(*search.first_hit(scratch / "d"), std::nullopt);
  }
  EXPECT_TRUE(fails(search.first_hit(scratch / "absent"), Code::unavailable, "storage.search"));
}

}  // namespace
}  // namespace holdfast::storage
