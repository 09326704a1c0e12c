#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "storage/disk.h"
#include "storage/rocksdb/killed_test.h"

namespace holdfast::storage {
namespace {

TEST(Durability, all_that_was_acknowledged_survives_kill_9) {
  const Scratch scratch;
  for (const int acknowledged : {1, 20, 150, 400}) {
    const std::uint64_t last = run_and_kill(scratch / "store", acknowledged);
    const auto store = must_open(scratch / "store");
    for (std::uint64_t n = 0; n <= last; ++n) {
      ASSERT_EQ(*store->get(Shelf::keys, locker(n), "k"), value_of(n)) << n << " of " << last;
      ASSERT_EQ(*store->get(Shelf::records, locker(n), "r"), value_of(n));
      ASSERT_EQ(*store->get_blob("blob/" + std::to_string(n)), value_of(n));
    }
    std::uint64_t next = 0;
    ASSERT_TRUE(store->read("log", 0, [&](std::uint64_t position, std::uint32_t, ByteView packed) {
      EXPECT_EQ(position, next);
      EXPECT_EQ(packed, value_of(next++));
      return true;
    }));
    EXPECT_GT(next, last);
    EXPECT_EQ(*store->end("log"), next);
  }
}

TEST(Durability, a_flipped_bit_in_a_table_is_found_and_its_file_named) {
  const Scratch scratch;
  fill_table(scratch / "store");
  std::filesystem::path table;
  for (const auto& file : files(scratch / "store/records", ".sst")) {
    if (slurp(file).find("value 499") != std::string::npos) table = file;
  }
  ASSERT_FALSE(table.empty());
  damage(table, slurp(table).find("value 250"));
  const auto store = must_open(scratch / "store");
  int corrupt = 0;
  for (std::uint64_t n = 0; n < 500; ++n) {
    const auto value = store->get(Shelf::records, locker(n), "k");
    if (value) {
      EXPECT_EQ(*value, value_of(n)) << "never a wrong value";
      continue;
    }
    ++corrupt;
    EXPECT_TRUE(fails(value, Code::corrupt, "storage.corrupt"));
    EXPECT_EQ(std::filesystem::path(value.error().where).filename(), table.filename()) << value.error().text();
    EXPECT_EQ(value.error().text().find("value"), std::string::npos) << "no record data in an error";
  }
  EXPECT_GT(corrupt, 0);
  EXPECT_LT(corrupt, 100) << "only the damaged block is lost";
}

/// Writes `count` records in a child that dies without closing, so that they lie in the log alone.
void fill_log(const std::string& directory, int count) { run_and_kill(directory, count); }

TEST(Durability, damage_within_the_log_refuses_to_open_until_told_to_go_on) {
  const Scratch scratch;
  fill_log(scratch / "store", 300);
  const auto logs = files(scratch / "store/records", ".log");
  ASSERT_EQ(logs.size(), 1u);
  const std::size_t at = slurp(logs[0]).find("value 100");
  ASSERT_NE(at, std::string::npos);
  damage(logs[0], at);
  const auto store = open_rocksdb(scratch / "store");
  ASSERT_TRUE(fails(store, Code::corrupt, "storage.corrupt"));
  EXPECT_EQ(store.error().where, logs[0]);
  EXPECT_TRUE(is_mendable(store.error()));
  const auto reduced = must_open(scratch / "store", {.drop_damaged_tail = true});
  EXPECT_EQ(*reduced->get(Shelf::records, locker(99), "r"), value_of(99));
  EXPECT_EQ(*reduced->get(Shelf::records, locker(200), "r"), std::nullopt);
}

TEST(Durability, a_log_that_was_cut_refuses_to_open_until_told_to_go_on) {
  const Scratch scratch;
  fill_log(scratch / "killed", 300);
  {
    const auto stopped = must_open(scratch / "stopped");
    for (std::uint64_t n = 0; n < 300; ++n) ASSERT_TRUE(put(*stopped, Shelf::records, n, "r", value_of(n)));
  }
  for (const std::string& store : {scratch / "killed", scratch / "stopped"}) {
    const auto logs = files(store + "/records", ".log");
    ASSERT_EQ(logs.size(), 1u);
    const std::string whole = slurp(logs[0]);
    const std::size_t used = whole.find_last_not_of('\0') + 1;
    EXPECT_GT(whole.size(), used);
    for (const std::size_t size : {std::size_t{0}, used / 2, used - 1, used}) {
      std::ofstream(logs[0], std::ios::binary) << whole.substr(0, size);
      for (const bool read_only : {true, false}) {
        const auto opened = open_rocksdb(store, {.read_only = read_only});
        ASSERT_TRUE(fails(opened, Code::corrupt, "storage.corrupt")) << size;
        EXPECT_EQ(opened.error().where, logs[0]);
        EXPECT_TRUE(is_mendable(opened.error()));
        EXPECT_NE(opened.error().what.find("shorter"), std::string::npos) << opened.error().what;
      }
    }
    std::ofstream(logs[0], std::ios::binary) << whole.substr(0, used / 2);
    for (const bool read_only : {true, false}) {
      const auto reduced = must_open(store, {.drop_damaged_tail = true, .read_only = read_only});
      EXPECT_EQ(*reduced->get(Shelf::records, locker(50), "r"), value_of(50));
      EXPECT_EQ(*reduced->get(Shelf::records, locker(290), "r"), std::nullopt);
    }
    must_open(store).reset();
  }
}

TEST(Durability, a_log_that_lacks_a_few_of_its_zeros_opens) {
  const Scratch scratch;
  fill_log(scratch / "store", 50);
  const auto logs = files(scratch / "store/records", ".log");
  ASSERT_EQ(logs.size(), 1u);
  std::filesystem::resize_file(logs[0], std::filesystem::file_size(logs[0]) - 3);
  const auto store = must_open(scratch / "store");
  EXPECT_EQ(*store->get(Shelf::records, locker(40), "r"), value_of(40));
}

/// Two records in the log of a store that is open; `change` does something to that file. Answers the last one's value.
Result<std::optional<Bytes>> second_after(const std::function<void(std::string& bytes)>& change) {
  const Scratch scratch;
  const auto writer = must_open(scratch / "store");
  EXPECT_TRUE(put(*writer, Shelf::records, 1, "k", "the first"));
  EXPECT_TRUE(put(*writer, Shelf::records, 2, "k", "the second"));
  std::filesystem::copy(scratch / "store", scratch / "cut", std::filesystem::copy_options::recursive);
  const auto logs = files(scratch / "cut/records", ".log");
  EXPECT_EQ(logs.size(), 1u);
  std::string bytes = slurp(logs[0]);
  change(bytes);
  std::ofstream(logs[0], std::ios::binary) << bytes;
  const auto second = [&](bool read_only) -> Result<std::optional<Bytes>> {
    HF_TRY(const auto store, open_rocksdb(scratch / "cut", {.read_only = read_only}));
    EXPECT_EQ(*store->get(Shelf::records, locker(1), "k"), "the first");
    return store->get(Shelf::records, locker(2), "k");
  };
  const auto looked = second(true);
  EXPECT_EQ(slurp(logs[0]), bytes) << "it only looked";
  const auto opened = second(false);
  EXPECT_EQ(looked.has_value(), opened.has_value()) << "a look finds what a start does";
  EXPECT_EQ(looked.value_or(std::nullopt), opened.value_or(std::nullopt));
  return opened;
}

TEST(Durability, a_record_of_which_only_the_last_byte_was_not_written_is_torn) {
  EXPECT_EQ(*second_after([](std::string& bytes) { bytes[bytes.find_last_not_of('\0')] = '\0'; }), std::nullopt);
}

TEST(Durability, rot_in_the_last_record_is_not_taken_for_a_torn_one) {
  const auto second = second_after([](std::string& bytes) { bytes[bytes.find("the second")] ^= 1; });
  ASSERT_TRUE(fails(second, Code::corrupt, "storage.corrupt"));
}

TEST(Durability, a_write_that_the_disk_does_not_take_changes_nothing_and_is_the_last_until_a_restart) {
  const Scratch scratch;
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto store = open_rocksdb(scratch / "store");
    if (!store || !put(**store, Shelf::records, 1, "k", "before") || !(*store)->health()) ::_exit(2);
    rlimit size{};
    ::getrlimit(RLIMIT_FSIZE, &size);
    const rlimit small{256 << 10, size.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    const auto refused = put(**store, Shelf::records, 1, "k", Bytes(4 << 20, 'x'));
    if (refused || refused.error().code != Code::unavailable) ::_exit(3);
    if (!refused.error().where.ends_with(".log") || refused.error().what.find("File too large") == Bytes::npos)
      ::_exit(7);
    if (!fails((*store)->health(), Code::unavailable, "storage.failed")) ::_exit(5);
    ::setrlimit(RLIMIT_FSIZE, &size);
    if (!fails(put(**store, Shelf::records, 1, "k", "after"), Code::unavailable, "storage.failed")) ::_exit(6);
    const auto there = (*store)->get(Shelf::records, locker(1), "k");
    ::_exit(there && *there == "before" && *(*store)->version(Shelf::records, locker(1)) == 1 ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
  const auto store = must_open(scratch / "store");
  EXPECT_EQ(*store->get(Shelf::records, locker(1), "k"), "before");
  EXPECT_TRUE(put(*store, Shelf::records, 1, "k", "after"));
}

}  // namespace
}  // namespace holdfast::storage
