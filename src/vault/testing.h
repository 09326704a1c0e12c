#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <random>

#include "storage/memory.h"
#include "vault/vault.h"

namespace holdfast::vault {

/// A folder for one test, gone with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "holdfast-vault-XXXXXX";
    HF_ASSERT(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

inline Record record_of(std::initializer_list<FieldValue> values) { return Record{values}; }

/// A vault on an engine in memory whose faults a test chooses.
class VaultTest : public ::testing::Test {
 protected:
  /// As long as any agreement can say.
  static constexpr Retention long_kept(CollectionId collection) {
    return {collection, std::chrono::hours(24 * 366 * 9'000)};
  }
  static constexpr CollectionId kProfile = 0x70726f66, kViews = 0x76696577;

  VaultTest() : roots(*FileRootKeys::create(folder.file("root.keys"))) { restart(); }

  /// Drops the vault and everything it knew, and opens it on what is stored.
  void restart() {
    vault.reset();
    store.reset();
    store = storage::open_memory(&faults);
    auto made = Vault::create(*store, *roots, clock);
    ASSERT_TRUE(made) << made.error().text();
    vault = std::move(*made);
  }

  Subject subject(std::string_view id) { return std::move(*vault->open_or_create(id)); }
  Draft draft(std::string_view id) { return std::move(*vault->begin(subject(id))); }

  Result<PutOutcome> put(std::string_view id, const Record& record, Expect expect = Expect::anything(),
                         CollectionId collection = kProfile) {
    HF_TRY(Subject opened, vault->open_or_create(id));
    HF_TRY(Draft draft, vault->begin(std::move(opened)));
    HF_TRY(const PutOutcome outcome, vault->put(draft, long_kept(collection), record, expect));
    HF_CHECK(vault->commit(std::move(draft)));
    return outcome;
  }
  Result<std::vector<AppendOutcome>> append(std::string_view id, const std::vector<Row>& rows,
                                            CollectionId collection = kViews) {
    HF_TRY(Subject opened, vault->open_or_create(id));
    HF_TRY(Draft draft, vault->begin(std::move(opened)));
    HF_TRY(auto outcomes, vault->append(draft, long_kept(collection), rows));
    HF_CHECK(vault->commit(std::move(draft)));
    return outcomes;
  }
  Result<StoredRecord> read(std::string_view id, CollectionId collection = kProfile) {
    HF_TRY(const Subject opened, vault->open(id));
    return vault->read(opened, long_kept(collection));
  }
  /// Keys and records, oldest first.
  Result<std::vector<Row>> rows(std::string_view id, CollectionId collection = kViews) {
    HF_TRY(const Subject opened, vault->open(id));
    std::vector<Row> out;
    HF_CHECK(vault->read_rows(opened, long_kept(collection), [&](const StoredRow& row) {
      out.push_back({Bytes(row.key), row.record});
      return true;
    }));
    return out;
  }
  /// What lies in a locker, as it lies there.
  std::vector<storage::Item> items(const LockerId& locker, storage::Shelf shelf = storage::Shelf::records) {
    std::vector<storage::Item> out;
    EXPECT_TRUE(store->scan(shelf, locker, {}, {}, [&](ByteView key, ByteView value) {
      out.push_back({Bytes(key), Bytes(value)});
      return true;
    }));
    return out;
  }
  void overwrite(const LockerId& locker, Bytes key, Bytes value, storage::Shelf shelf = storage::Shelf::records) {
    const storage::LockerChange change{shelf, locker, storage::kAnyVersion, {{std::move(key), std::move(value)}}, {}};
    ASSERT_TRUE(store->apply({&change, 1}).front());
  }

  TemporaryFolder folder;
  ManualClock clock;
  storage::MemoryFaults faults;
  std::unique_ptr<FileRootKeys> roots;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<Vault> vault;
};

/// Printed, so that a failing random test can be run again.
inline std::uint64_t printed_seed() {
  const std::uint64_t out = std::random_device{}();
  std::cout << "seed " << out << '\n';
  return out;
}

}  // namespace holdfast::vault
