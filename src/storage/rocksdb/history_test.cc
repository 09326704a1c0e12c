// Parts that do not belong together.
#include "storage/rocksdb/history.h"

#include "storage/disk.h"
#include "storage/rocksdb/killed_test.h"

namespace holdfast::storage {
namespace {

void put_part(const std::string& from, const std::string& to, const std::string& part) {
  std::filesystem::remove_all(to + "/" + part);
  std::filesystem::copy(from + "/" + part, to + "/" + part, std::filesystem::copy_options::recursive);
}

TEST(History, a_part_of_an_earlier_start_is_refused_and_nothing_is_changed) {
  const Scratch scratch;
  const std::string store = scratch / "store";
  run_and_kill(store, 5);
  std::filesystem::copy(store, scratch / "early", std::filesystem::copy_options::recursive);
  run_and_kill(store, 5);
  for (const std::vector<std::string>& old : {std::vector<std::string>{"records"},
                                              {"keys"},
                                              {"log"},
                                              {"records", "log"},
                                              {"keys", "log"},
                                              {"records", "keys"}}) {
    std::filesystem::remove_all(scratch / "mixed");
    std::filesystem::copy(store, scratch / "mixed", std::filesystem::copy_options::recursive);
    for (const std::string& part : old) {
      std::filesystem::remove_all(scratch / "mixed/" + part);
      std::filesystem::copy(scratch / "early/" + part, scratch / "mixed/" + part,
                            std::filesystem::copy_options::recursive);
    }
    const auto before = files_of(scratch / "mixed/" + old.front());
    for (const bool read_only : {true, false}) {
      const auto refused = open_rocksdb(scratch / "mixed", {.read_only = read_only});
      ASSERT_TRUE(fails(refused, Code::corrupt, "storage.parts.differ")) << old.front();
      EXPECT_EQ(refused.error().where, scratch / "mixed/" + old.front());
      EXPECT_FALSE(is_mendable(refused.error()));
    }
    EXPECT_EQ(files_of(scratch / "mixed/" + old.front()), before);
  }
  EXPECT_TRUE(open_rocksdb(scratch / "early"));
}

TEST(History, a_start_that_was_killed_at_any_step_is_followed_by_another) {
  const Scratch scratch;
  run_and_kill(scratch / "store", 5);
  const std::string parts[] = {scratch / "store/records", scratch / "store/keys", scratch / "store/log"};
  const std::uint64_t now = read_list(parts[0] + "/FILES")->at("start");
  EXPECT_EQ(now % 2, 0u);
  for (const std::uint64_t step : {now + 1, now + 2}) {
    for (std::size_t seen = 1; seen <= 3; ++seen) {
      for (std::size_t i = 0; i < 3; ++i) {
        ASSERT_TRUE(change_list(parts[i] + "/FILES", [&](FileList& list) {
          list["start"] = i < seen ? step : step - 1;
          return true;
        }));
      }
      EXPECT_TRUE(require_together(parts)) << step << " " << seen;
      ASSERT_TRUE(begin_together(parts));
      const std::uint64_t then = read_list(parts[0] + "/FILES")->at("start");
      EXPECT_EQ(then % 2, 0u);
      EXPECT_GT(then, now);
      for (const std::string& part : parts) EXPECT_EQ(read_list(part + "/FILES")->at("start"), then);
    }
  }
  EXPECT_TRUE(open_rocksdb(scratch / "store"));
}

/// `from` with one record more, which tells it from others; as many starts as they have.
void restore_with(const Scratch& scratch, const std::string& target, std::uint64_t n) {
  ASSERT_TRUE(restore_rocksdb(scratch / "b", scratch / "k", target));
  ASSERT_TRUE(put(*must_open(target), Shelf::records, n, "r", value_of(n)));
}

TEST(History, parts_of_two_restored_stores_are_refused) {
  const Scratch scratch;
  ASSERT_TRUE(put(*must_open(scratch / "store"), Shelf::keys, 1, "k", "key"));
  ASSERT_TRUE(must_open(scratch / "store")->backup(scratch / "b", scratch / "k"));
  restore_with(scratch, scratch / "one", 1);
  restore_with(scratch, scratch / "two", 2);
  for (const char* part : {"records", "keys", "log"}) {
    std::filesystem::remove_all(scratch / "mixed");
    std::filesystem::copy(scratch / "one", scratch / "mixed", std::filesystem::copy_options::recursive);
    put_part(scratch / "two", scratch / "mixed", part);
    for (const bool read_only : {true, false}) {
      EXPECT_TRUE(
          fails(open_rocksdb(scratch / "mixed", {.read_only = read_only}), Code::corrupt, "storage.parts.differ"))
          << part;
    }
  }
  // Not even one that was written to before with one that was just restored.
  ASSERT_TRUE(restore_rocksdb(scratch / "b", scratch / "k", scratch / "three"));
  put_part(scratch / "one", scratch / "three", "records");
  EXPECT_TRUE(fails(open_rocksdb(scratch / "three"), Code::corrupt, "storage.parts.differ"));
}

TEST(History, a_start_that_changes_nothing_makes_no_part_older) {
  const Scratch scratch;
  run_and_kill(scratch / "store", 5);
  std::filesystem::copy(scratch / "store", scratch / "early", std::filesystem::copy_options::recursive);
  must_open(scratch / "store").reset();
  put_part(scratch / "early", scratch / "store", "keys");
  EXPECT_EQ(*must_open(scratch / "store")->get(Shelf::keys, locker(1), "k"), value_of(1));
}

TEST(History, copies_of_two_backups_are_not_restored_but_for_keys_of_the_same_store) {
  const Scratch scratch;
  const auto backup = [&](const std::string& store, const std::string& name) {
    ASSERT_TRUE(must_open(store)->backup(scratch / name, scratch / name + "-keys"));
  };
  ASSERT_TRUE(put(*must_open(scratch / "store"), Shelf::keys, 1, "k", "key"));
  ASSERT_TRUE(put(*must_open(scratch / "stranger"), Shelf::keys, 1, "k", "key"));
  backup(scratch / "store", "one");
  backup(scratch / "store", "two");
  backup(scratch / "stranger", "other");
  const auto refuses = [&](const std::string& records, const std::string& keys, const std::string& where) {
    const auto restored = restore_rocksdb(records, keys, scratch / "restored");
    EXPECT_TRUE(fails(restored, Code::corrupt, "storage.parts.differ")) << where;
    if (!restored) {
      EXPECT_EQ(restored.error().where, where);
    }
    EXPECT_FALSE(std::filesystem::exists(scratch / "restored"));
  };
  refuses(scratch / "one", scratch / "other-keys", scratch / "other-keys/keys");
  std::filesystem::copy(scratch / "one", scratch / "mixed", std::filesystem::copy_options::recursive);
  put_part(scratch / "two", scratch / "mixed", "log");
  refuses(scratch / "mixed", scratch / "one-keys", scratch / "mixed/log");
  ASSERT_TRUE(restore_rocksdb(scratch / "one", scratch / "two-keys", scratch / "restored"));
}

}  // namespace
}  // namespace holdfast::storage
