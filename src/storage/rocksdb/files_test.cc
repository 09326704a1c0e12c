// What a start makes of files that are gone, cut, or of another time.
#include "storage/rocksdb/files.h"

#include <map>

#include "storage/disk.h"
#include "storage/rocksdb/killed_test.h"

namespace holdfast::storage {
namespace {

TEST(Files, a_file_that_is_gone_is_named_and_nothing_is_made_in_its_place) {
  const Scratch scratch;
  run_and_kill(scratch / "store", 20);  // all in write-ahead logs
  fill_table(scratch / "tables");
  for (const std::string store : {"store", "tables"}) {
    for (const char* part : {"records", "keys", "log"}) {
      for (const std::string& name : files_of(scratch / store + "/" + part)) {
        const bool needed = name == "CURRENT" || name == "FILES" || name.starts_with("MANIFEST-") ||
                            name.ends_with(".log") || name.ends_with(".sst");
        if (!needed) continue;
        std::filesystem::remove_all(scratch / "copy");
        std::filesystem::copy(scratch / store, scratch / "copy", std::filesystem::copy_options::recursive);
        const std::string folder = scratch / "copy" + "/" + part;
        std::filesystem::remove(folder + "/" + name);
        const auto before = files_of(folder);
        for (const bool read_only : {true, false, false}) {
          const auto opened = open_rocksdb(scratch / "copy", {.read_only = read_only});
          ASSERT_TRUE(fails(opened, Code::not_found, "storage.part.missing")) << store << " " << part << " " << name;
          EXPECT_TRUE(opened.error().where.ends_with(name)) << opened.error().where;
          if (name.ends_with(".sst")) continue;
          EXPECT_EQ(files_of(folder), before) << name;
        }
      }
    }
  }
}

TEST(Files, a_journal_that_is_gone_is_named_and_nothing_is_made_in_its_place) {
  const Scratch scratch;
  run_and_kill(scratch / "store", 20);
  const std::string log = scratch / "store/log", journals = log + "/journals";
  const std::string file = files_of(journals).at(0);
  ASSERT_EQ(files_of(journals).size(), 1u);
  const auto refuses = [&](const std::string& where) {
    const auto before = files_of(log);
    for (const RocksOptions& how : {RocksOptions{.read_only = true}, RocksOptions{.drop_damaged_tail = true},
                                    RocksOptions{.drop_damaged_tail = true, .read_only = true}, RocksOptions{}}) {
      const auto opened = open_rocksdb(scratch / "store", how);
      ASSERT_TRUE(fails(opened, Code::not_found, "storage.part.missing"));
      EXPECT_EQ(opened.error().where, where);
      EXPECT_EQ(files_of(log), before);
    }
  };
  std::filesystem::rename(journals + "/" + file, scratch / "aside");
  refuses(journals + "/log.*");
  EXPECT_TRUE(files_of(journals).empty());
  std::filesystem::remove(journals);
  refuses(journals);
  std::filesystem::create_directory(journals);
  std::filesystem::rename(scratch / "aside", journals + "/" + file);
  EXPECT_GE(*must_open(scratch / "store")->end("log"), 20u);
}

TEST(Files, a_journal_whose_beginning_was_cut_short_is_begun_anew) {
  const Scratch scratch;
  const std::string log = scratch / "store/log";
  const auto append = [&] {
    const auto store = must_open(scratch / "store");
    const auto lease = store->acquire("long/log", "me", std::chrono::seconds(60));
    EXPECT_TRUE(store->append("long/log", *store->end("long/log"), 1, "x", *lease));
  };
  must_open(scratch / "store").reset();
  std::filesystem::remove(log + "/journals");  // made after the database: as a kill between the two leaves it
  must_open(scratch / "store").reset();
  const auto begun = [&] { return read_list(log + "/FILES")->contains("journals/long+log.*"); };
  EXPECT_FALSE(begun()) << "nothing is";
  append();
  EXPECT_TRUE(begun());
  // A kill before the first record, and before its name is noted.
  std::filesystem::resize_file(log + "/journals/" + files_of(log + "/journals").at(0), 0);
  ASSERT_TRUE(change_list(log + "/FILES", [](FileList& list) { return list.erase("journals/long+log.*") > 0; }));
  append();
  EXPECT_TRUE(begun());
  EXPECT_EQ(*must_open(scratch / "store")->end("long/log"), 1u);
}

TEST(Files, a_list_that_is_not_as_it_was_written_is_none) {
  const Scratch scratch;
  run_and_kill(scratch / "store", 20);
  for (const char* part : {"records", "keys", "log"}) {
    const std::string list = scratch / "store" + "/" + part + "/FILES";
    const std::string whole = slurp(list);
    ASSERT_NE(whole.find("MANIFEST-"), whole.npos);
    const std::size_t line = whole.find('\n') + 1;
    for (const std::string& now : {std::string(), std::string("\n"), whole.substr(0, line), whole.substr(line),
                                   whole.substr(0, whole.size() - 1), "x" + whole.substr(1)}) {
      std::ofstream(list) << now;
      const auto refused = open_rocksdb(scratch / "store");
      ASSERT_TRUE(fails(refused, Code::corrupt, "storage.corrupt")) << now;
      EXPECT_EQ(refused.error().where, list);
    }
    std::ofstream(list) << whole;
  }
  EXPECT_TRUE(open_rocksdb(scratch / "store"));
}

TEST(Files, what_is_no_file_in_a_files_place_is_damage) {
  const Scratch scratch;
  run_and_kill(scratch / "store", 5);
  const std::string store = scratch / "store", journals = store + "/log/journals";
  for (const std::string& file :
       {journals + "/" + files_of(journals).at(0), store + "/keys/CURRENT",
        store + "/keys/" + *current_manifest(store + "/keys"), files(store + "/records", ".log").front().string()}) {
    std::filesystem::rename(file, scratch / "aside");
    for (const bool folder : {true, false}) {
      folder ? std::filesystem::create_directory(file) : (std::ofstream(file) << Bytes(70, 'x')).good();
      for (const bool read_only : {true, false}) {
        const auto refused = open_rocksdb(store, {.read_only = read_only});
        ASSERT_FALSE(refused) << file << " " << folder;
        EXPECT_EQ(refused.error().code, Code::corrupt) << refused.error().text();
        if (!folder) continue;  // what stands in it may be what was never written: then the part lacks changes
        EXPECT_EQ(refused.error().where, file);
      }
      std::filesystem::remove(file);
    }
    std::filesystem::rename(scratch / "aside", file);
  }
  EXPECT_TRUE(open_rocksdb(store));
}

TEST(Files, a_manifest_that_was_cut_is_refused_and_nothing_is_changed) {
  const Scratch scratch;
  fill_table(scratch / "store");
  const auto written = [&] {
    std::map<std::string, std::filesystem::file_time_type> out;
    for (const auto& file : std::filesystem::recursive_directory_iterator(scratch / "store")) {
      if (file.is_regular_file()) out[file.path()] = file.last_write_time();
    }
    return out;
  };
  for (const char* part : {"log", "records"}) {
    const std::string folder = scratch / "store" + "/" + part;
    const std::string manifest = folder + "/" + *current_manifest(folder), whole = slurp(manifest);
    const auto refuses = [&](const std::string& now) {
      std::ofstream(manifest, std::ios::binary) << now;
      const auto before = written();
      for (const RocksOptions& how :
           {RocksOptions{.read_only = true}, RocksOptions{.drop_damaged_tail = true}, RocksOptions{}}) {
        const auto refused = open_rocksdb(scratch / "store", how);
        ASSERT_TRUE(fails(refused, Code::corrupt, "storage.corrupt")) << now.size() << " of " << whole.size();
        EXPECT_EQ(refused.error().where, manifest);
        EXPECT_EQ(refused.error().what.find("repair"), std::string::npos) << refused.error().what;
        EXPECT_EQ(written(), before);
      }
    };
    for (std::size_t size = 0; size < whole.size(); size += size + 1 < whole.size() ? whole.size() / 13 : 1)
      refuses(whole.substr(0, size));
    refuses(whole.substr(0, whole.size() - 1));
    std::string rotten = whole;
    rotten.back() ^= 1;
    refuses(rotten);
    // What follows what was synced is dropped, whole or not.
    std::ofstream(manifest, std::ios::binary) << whole + whole.substr(0, 20);
    ASSERT_TRUE(open_rocksdb(scratch / "store", {.read_only = true}));
    ASSERT_TRUE(open_rocksdb(scratch / "store"));
  }
  const auto store = must_open(scratch / "store");
  EXPECT_EQ(*store->get(Shelf::records, locker(7), "k"), value_of(7));
}

TEST(Files, damage_in_the_last_part_leaves_the_others_as_they_were) {
  const Scratch scratch;
  run_and_kill(scratch / "store", 20);
  const std::string journals = scratch / "store/log/journals", journal = journals + "/" + files_of(journals).at(0);
  damage(journal, 45);
  const auto before = files_of(scratch / "store/records");
  ASSERT_TRUE(fails(open_rocksdb(scratch / "store"), Code::corrupt, "storage.corrupt"));
  EXPECT_EQ(files_of(scratch / "store/records"), before);
}

TEST(Files, a_look_at_a_store_whose_making_was_cut_short_finds_none) {
  const Scratch scratch;
  const auto looks = [&] {
    return fails(open_rocksdb(scratch / "store", {.read_only = true}), Code::not_found, "storage.none");
  };
  EXPECT_TRUE(looks());
  must_open(scratch / "store").reset();
  std::filesystem::remove(scratch / "store/log/CURRENT");
  for (const std::string& name : files_of(scratch / "store/log")) {
    if (name != "FORMAT") std::filesystem::remove_all(scratch / "store/log" + "/" + name);
  }
  EXPECT_TRUE(looks());
  must_open(scratch / "store").reset();
  run_and_kill(scratch / "store", 1);
  EXPECT_TRUE(open_rocksdb(scratch / "store", {.read_only = true}));
}

TEST(Files, a_store_whose_making_was_cut_short_is_made_anew) {
  const Scratch scratch;
  for (const char* part : {"records", "keys", "log"}) {
    must_open(scratch / "store").reset();
    const std::string folder = scratch / "store" + "/" + part;
    // As a crash leaves it before its first write: of the first manifest alone, and then without its first log.
    for (const std::string& name : files_of(folder)) {
      if (!name.starts_with("MANIFEST-") && name != "FORMAT") std::filesystem::remove_all(folder + "/" + name);
    }
    std::filesystem::rename(folder + "/" + files_of(folder).back(), folder + "/MANIFEST-000001");
    must_open(scratch / "store").reset();
    for (const std::string& name : files_of(folder)) {
      if (name.ends_with(".log")) std::filesystem::remove(folder + "/" + name);
    }
    ASSERT_TRUE(change_list(folder + "/FILES", [](FileList& list) {
      return std::erase_if(list, [](const auto& file) { return file.first.ends_with(".log"); }) > 0;
    }));
    must_open(scratch / "store").reset();
  }
}

TEST(Files, a_missing_table_is_named_and_refuses_to_open) {
  const Scratch scratch;
  fill_table(scratch / "store");
  const auto table = files(scratch / "store/records", ".sst").front();
  ASSERT_TRUE(std::filesystem::remove(table));
  for (const bool read_only : {true, false}) {
    const auto store = open_rocksdb(scratch / "store", {.read_only = read_only});
    ASSERT_TRUE(fails(store, Code::not_found, "storage.part.missing"));
    EXPECT_EQ(store.error().where, table);
  }
}

TEST(Files, a_table_that_was_cut_is_named) {
  const Scratch scratch;
  fill_table(scratch / "store");
  const auto table = files(scratch / "store/records", ".sst").front();
  const auto whole = std::filesystem::file_size(table);
  for (const std::uintmax_t size : {whole + 1, whole - 1, whole / 2, std::uintmax_t{0}}) {
    std::filesystem::resize_file(table, size);
    for (const bool read_only : {true, false}) {
      const auto store = open_rocksdb(scratch / "store", {.read_only = read_only});
      ASSERT_TRUE(fails(store, Code::corrupt, "storage.corrupt"));
      EXPECT_EQ(store.error().where, table) << size;
    }
  }
}

}  // namespace
}  // namespace holdfast::storage
