#include <atomic>
#include <thread>

#include "storage/conformance_test.h"
#include "storage/disk.h"
#include "storage/rocksdb/format.h"
#include "storage/rocksdb/opened_test.h"

namespace holdfast::storage {
namespace {

const Bytes kKey = "sixty bytes of wrapped key material, as random as they come";

/// No value is a part of another, or shred would find it there.
Bytes key_of(std::uint64_t n) { return kKey + std::to_string(100 + n); }

void fill(Store& store) {
  for (std::uint64_t n = 0; n < 50; ++n) {
    ASSERT_TRUE(put(store, Shelf::keys, n, "key", key_of(n)));
    ASSERT_TRUE(put(store, Shelf::records, n, "r", "record " + std::to_string(n)));
  }
  const Blob blob{"tile/0", "tile"};
  ASSERT_TRUE(store.put_blobs({&blob, 1}));
  const auto token = store.acquire("log", "w", std::chrono::hours(1));
  ASSERT_TRUE(token);
  ASSERT_TRUE(store.append("log", 0, 2, "ab", *token));
}

TEST(Backup, a_restored_store_has_everything_and_keys_lie_apart) {
  const Scratch scratch;
  {
    const auto store = must_open(scratch / "store");
    fill(*store);
    const auto done = store->backup(scratch / "backup", scratch / "backup-keys");
    ASSERT_TRUE(done) << done.error().text();
    ASSERT_TRUE(put(*store, Shelf::records, 0, "r", "after the backup"));
  }
  EXPECT_TRUE(grep(scratch / "backup", kKey).empty());
  EXPECT_FALSE(grep(scratch / "backup-keys", kKey).empty());
  const auto restored = restore_rocksdb(scratch / "backup", scratch / "backup-keys", scratch / "restored/");
  ASSERT_TRUE(restored) << restored.error().text();
  const auto store = must_open(scratch / "restored");
  for (std::uint64_t n = 0; n < 50; ++n) {
    EXPECT_EQ(*store->get(Shelf::keys, locker(n), "key"), key_of(n));
    EXPECT_EQ(*store->get(Shelf::records, locker(n), "r"), "record " + std::to_string(n));
  }
  EXPECT_EQ(*store->get_blob("tile/0"), "tile");
  EXPECT_EQ(*store->end("log"), 2u);
  EXPECT_FALSE(std::filesystem::exists(scratch / "restored.restoring"));
  std::filesystem::create_directory_symlink("elsewhere", scratch / "link");
  ASSERT_TRUE(restore_rocksdb(scratch / "backup", scratch / "backup-keys", scratch / "link"));
  EXPECT_TRUE(std::filesystem::is_symlink(scratch / "link")) << "the store lies where it leads";
  EXPECT_TRUE(std::filesystem::exists(scratch / "elsewhere/log/FORMAT"));
  EXPECT_EQ(slurp(scratch / "restored/log/FORMAT"), "holdfast store " + std::to_string(kStoreFormat) + "\n");
}

TEST(Backup, of_a_later_format_is_not_restored) {
  const Scratch scratch;
  ASSERT_TRUE(must_open(scratch / "store")->backup(scratch / "backup", scratch / "backup-keys"));
  std::ofstream(scratch / "backup-keys/keys/FORMAT", std::ios::trunc)
      << "holdfast store " + std::to_string(kStoreFormat + 1) + "\n";
  EXPECT_TRUE(fails(restore_rocksdb(scratch / "backup", scratch / "backup-keys", scratch / "restored"),
                    Code::unsupported, "storage.format"));
  EXPECT_FALSE(std::filesystem::exists(scratch / "restored"));
}

TEST(Backup, taken_while_writing_has_all_that_was_acknowledged_before_and_no_record_without_its_key) {
  const Scratch scratch;
  const auto store = must_open(scratch / "store");
  std::atomic<std::uint64_t> written{0};
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::uint64_t n = 0; !stop; ++n) {
      const Bytes number = std::to_string(n);
      // The record says which generation of its key sealed it.
      ASSERT_TRUE(put(*store, Shelf::keys, n % 10, "key" + number, number));
      ASSERT_TRUE(put(*store, Shelf::records, n, "r", number));
      written = n + 1;
    }
  });
  while (written < 100) std::this_thread::yield();
  const std::uint64_t before = written;
  const auto done = store->backup(scratch / "backup", scratch / "keys");
  stop = true;
  writer.join();
  ASSERT_TRUE(done) << done.error().text();
  ASSERT_TRUE(restore_rocksdb(scratch / "backup", scratch / "keys", scratch / "restored"));
  const auto restored = must_open(scratch / "restored");
  for (std::uint64_t n = 0; n < before; ++n) {
    ASSERT_EQ(*restored->get(Shelf::records, locker(n), "r"), std::to_string(n));
    ASSERT_EQ(*restored->get(Shelf::keys, locker(n % 10), "key" + std::to_string(n)), std::to_string(n));
  }
}

TEST(Backup, an_old_backup_of_records_brings_no_key_back) {
  const Scratch scratch;
  const auto store = must_open(scratch / "store");
  fill(*store);
  ASSERT_TRUE(store->backup(scratch / "old", scratch / "old-keys"));
  const LockerId erased = locker(3);
  ASSERT_TRUE(store->shred(Shelf::keys, {&erased, 1}));
  ASSERT_TRUE(store->backup(scratch / "new", scratch / "new-keys"));
  ASSERT_TRUE(restore_rocksdb(scratch / "old", scratch / "new-keys", scratch / "restored"));
  const auto restored = must_open(scratch / "restored");
  EXPECT_EQ(*restored->get(Shelf::records, erased, "r"), "record 3") << "ciphertext for ever";
  EXPECT_EQ(*restored->get(Shelf::keys, erased, "key"), std::nullopt);
  EXPECT_TRUE(grep(scratch / "restored", key_of(3)).empty());
}

TEST(Backup, refuses_places_that_are_taken) {
  const Scratch scratch;
  const auto store = must_open(scratch / "store");
  fill(*store);
  ASSERT_TRUE(store->backup(scratch / "b", scratch / "k"));
  EXPECT_TRUE(fails(store->backup(scratch / "b", scratch / "k2"), Code::conflict, "storage.backup.exists"));
  EXPECT_TRUE(fails(store->backup(scratch / "b2", scratch / "k"), Code::conflict, "storage.backup.exists"));
  EXPECT_TRUE(fails(store->backup(scratch / "same", scratch / "same"), Code::invalid, "storage.backup.same"));
  EXPECT_TRUE(fails(store->backup("", scratch / "k3"), Code::invalid, "storage.place"));
  for (const auto& [records, keys] :
       {std::pair("n", "n/k"), {"n/r", "n"}, {"n/r/", "n/r/../r/k/deep"}, {"link/n", "n"}}) {
    std::error_code ignored;
    std::filesystem::create_directory_symlink(".", scratch / "link", ignored);
    EXPECT_TRUE(fails(store->backup(scratch / records, scratch / keys), Code::invalid, "storage.backup.same")) << keys;
  }
  for (const auto& [records, keys] : {std::pair("store/b", "k3"), {"b3", "store/k"}, {"b3", "link/store/keys/k"}}) {
    EXPECT_TRUE(fails(store->backup(scratch / records, scratch / keys), Code::invalid, "storage.backup.inside"))
        << keys;
  }
  EXPECT_FALSE(std::filesystem::exists(scratch / "n")) << "what is refused makes nothing";
  EXPECT_FALSE(std::filesystem::exists(scratch / "store/b"));
  ASSERT_TRUE(store->backup(scratch / "side", scratch / "side-keys")) << "names that begin alike are apart";
  EXPECT_TRUE(fails(restore_rocksdb(scratch / "b", scratch / "k", scratch / "store"), Code::conflict,
                    "storage.restore.target"));
  for (const char* place : {"b/store", "k/keys/store", "b/../k/store"}) {
    EXPECT_TRUE(
        fails(restore_rocksdb(scratch / "b", scratch / "k", scratch / place), Code::invalid, "storage.restore.inside"))
        << place;
  }
  EXPECT_TRUE(
      fails(restore_rocksdb(scratch / "k", scratch / "b", scratch / "r"), Code::not_found, "storage.restore.backup"));
  EXPECT_FALSE(std::filesystem::exists(scratch / "r"));
}

TEST(Backup, a_place_where_nothing_can_be_made_is_said_to_be_no_place) {
  const Scratch scratch;
  const auto store = must_open(scratch / "store");
  fill(*store);
  std::ofstream(scratch / "file") << "x";
  const std::string name(300, 'n');
  // Below a file, in a folder where nobody makes any, by a name that is too long, and by none.
  for (const std::string& place :
       {scratch / "file/b", std::string("/proc/holdfast/b"), scratch / name, scratch / std::string("n\0n", 3)}) {
    for (const auto& [records, keys] : {std::pair(place, scratch / "k"), {scratch / "b", place}}) {
      const auto refused = store->prepare_backup(records, keys);
      ASSERT_TRUE(fails(refused, Code::invalid, "storage.place")) << records << " " << keys;
      EXPECT_EQ(refused.error().where, place);
      EXPECT_NE(refused.error().what.find("name another place"), std::string::npos) << refused.error().what;
    }
  }
  ASSERT_TRUE(store->backup(scratch / "b", scratch / "k"));
  EXPECT_TRUE(fails(restore_rocksdb(scratch / "b", scratch / "k", "/proc/holdfast/r"), Code::invalid, "storage.place"));
}

TEST(Backup, damage_in_a_table_is_found_by_reading_and_names_no_repair) {
  const Scratch scratch;
  {
    const auto store = must_open(scratch / "store");
    fill(*store);
    ASSERT_TRUE(store->backup(scratch / "b", scratch / "k"));  // writes the tables
  }
  ASSERT_TRUE(verify_rocksdb(scratch / "store"));
  const auto tables = files(scratch / "store/records", ".sst");
  ASSERT_FALSE(tables.empty());
  damage(tables.front(), 100);
  ASSERT_TRUE(open_rocksdb(scratch / "store")) << "an open reads few blocks";
  const auto found = verify_rocksdb(scratch / "store");
  ASSERT_TRUE(fails(found, Code::corrupt, "storage.corrupt"));
  EXPECT_FALSE(is_mendable(found.error())) << found.error().where;
  EXPECT_EQ(found.error().what.find("repair"), std::string::npos) << found.error().what;
  EXPECT_NE(found.error().what.find("restore a backup"), std::string::npos);
}

TEST(Backup, one_that_lacks_the_end_of_a_journal_is_not_restored) {
  const Scratch scratch;
  {
    const auto store = must_open(scratch / "store");
    fill(*store);
    const auto lease = store->acquire("long", "me", std::chrono::seconds(60));
    for (std::uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(store->append("long", i, 1, Bytes(3u << 20, 'x'), *lease));
    ASSERT_TRUE(store->backup(scratch / "b", scratch / "k"));
  }
  const std::filesystem::path journals = scratch / "b/log/journals";
  const auto refused = [&](Code code, std::string_view slug) {
    const auto restored = restore_rocksdb(scratch / "b", scratch / "k", scratch / "restored");
    EXPECT_FALSE(std::filesystem::exists(scratch / "restored"));
    return fails(restored, code, slug);
  };
  std::filesystem::path newest;
  for (const auto& file : std::filesystem::directory_iterator(journals)) {
    if (file.path().filename().string().starts_with("long.")) newest = std::max(newest, file.path());
  }
  const auto size = std::filesystem::file_size(newest);
  std::filesystem::resize_file(newest, size / 2 / 4096 * 4096);
  EXPECT_TRUE(refused(Code::corrupt, "storage.corrupt")) << "torn, as a start would cut it";
  std::filesystem::resize_file(newest, 0);
  EXPECT_TRUE(refused(Code::corrupt, "storage.corrupt"));
  std::filesystem::rename(newest, scratch / "newest");
  EXPECT_TRUE(refused(Code::not_found, "storage.part.missing"));
  std::filesystem::rename(scratch / "newest", newest);
  std::filesystem::resize_file(scratch / "b/log/FILES", 0);
  EXPECT_TRUE(refused(Code::corrupt, "storage.corrupt"));
  std::filesystem::remove(scratch / "b/log/FILES");
  EXPECT_TRUE(refused(Code::not_found, "storage.restore.backup")) << "as after a kill in the midst of a backup";
}

TEST(Backup, a_damaged_backup_is_found_before_it_is_in_place) {
  const Scratch scratch;
  {
    const auto store = must_open(scratch / "store");
    fill(*store);
    ASSERT_TRUE(store->backup(scratch / "b", scratch / "k"));
  }
  bool damaged = false;
  for (const auto& table : files(scratch / "b/records", ".sst")) {
    const std::size_t at = slurp(table).find("record 4");
    if (at == std::string::npos) continue;
    damage(table, at);
    damaged = true;
  }
  ASSERT_TRUE(damaged);
  const auto restored = restore_rocksdb(scratch / "b", scratch / "k", scratch / "restored");
  ASSERT_TRUE(fails(restored, Code::corrupt, "storage.corrupt"));
  // What is named is what is still there to look at: the backup's own file, and no copy that went with the attempt.
  EXPECT_TRUE(restored.error().where.ends_with(".sst")) << restored.error().text();
  EXPECT_TRUE(std::filesystem::exists(restored.error().where)) << restored.error().text();
  EXPECT_EQ(restored.error().what.find("restore a backup"), std::string::npos) << restored.error().text();
  EXPECT_FALSE(std::filesystem::exists(scratch / "restored"));
  EXPECT_FALSE(std::filesystem::exists(scratch / "restored.restoring"));
}

}  // namespace
}  // namespace holdfast::storage
