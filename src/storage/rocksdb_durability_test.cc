#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "storage/conformance_test.h"
#include "storage/disk.h"
#include "storage/rocksdb_files.h"
#include "storage/scratch_test.h"

namespace holdfast::storage {
namespace {

Bytes value_of(std::uint64_t n) { return "value " + std::to_string(n) + Bytes(n % 700, 'v'); }

/// In the child: writes without end, and reports each number down the pipe once it was acknowledged.
[[noreturn]] void write_until_killed(const std::string& directory, int report) {
  auto store = open_rocksdb(directory);
  if (!store) ::_exit(2);
  const auto token = (*store)->acquire("log", "child", std::chrono::hours(1));
  const auto end = (*store)->end("log");
  if (!token || !end) ::_exit(3);
  for (std::uint64_t n = *end;; ++n) {
    const Blob blob{"blob/" + std::to_string(n), value_of(n)};
    const bool ok = put(**store, Shelf::keys, n, "k", value_of(n)) &&
                    put(**store, Shelf::records, n, "r", value_of(n)) && (*store)->put_blobs({&blob, 1}) &&
                    (*store)->append("log", n, 1, value_of(n), *token);
    if (!ok || ::write(report, &n, sizeof n) != sizeof n) ::_exit(4);
  }
}

/// Starts the child, kills it after `acknowledged` reports, and answers the last number that was reported.
std::uint64_t run_and_kill(const std::string& directory, int acknowledged) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    write_until_killed(directory, ends[1]);
  }
  ::close(ends[1]);
  std::uint64_t last = 0;
  for (int i = 0; i < acknowledged; ++i) EXPECT_EQ(::read(ends[0], &last, sizeof last), ssize_t{sizeof last});
  ::kill(child, SIGKILL);
  for (std::uint64_t n; ::read(ends[0], &n, sizeof n) == sizeof n;) last = n;  // reported before the kill struck
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  return last;
}

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

/// A store whose records lie in a table file, closed.
void fill_table(const std::string& directory) {
  auto store = must_open(directory);
  std::vector<LockerChange> changes;
  for (std::uint64_t n = 0; n < 500; ++n) {
    changes.push_back({Shelf::records, locker(n), kAnyVersion, {{"k", value_of(n)}}, {}});
  }
  for (const auto& result : store->apply(changes)) ASSERT_TRUE(result);
  const LockerId none = locker(9999);
  ASSERT_TRUE(store->shred(Shelf::records, {&none, 1}));  // flushes
}

/// A store that was made, and then nothing more.
void make_only(const std::string& directory) {
  must_open(directory).reset();
  for (const char* part : {"/records", "/keys", "/log"}) {
    ASSERT_TRUE(change_list(directory + part + "/FILES", [](FileList& list) { return list.erase("start") > 0; }));
  }
}

/// The names of a folder's files, in order.
std::vector<std::string> files_of(const std::string& part) {
  std::vector<std::string> out;
  for (const auto& file : std::filesystem::directory_iterator(part)) out.push_back(file.path().filename());
  std::sort(out.begin(), out.end());
  return out;
}

TEST(Durability, a_file_that_is_gone_is_named_and_nothing_is_made_in_its_place) {
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

TEST(Durability, a_journal_that_is_gone_is_named_and_nothing_is_made_in_its_place) {
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

TEST(Durability, a_journal_whose_beginning_was_cut_short_is_begun_anew) {
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

TEST(Durability, a_list_that_is_not_as_it_was_written_is_none) {
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

TEST(Durability, a_manifest_that_was_cut_is_refused_and_nothing_is_changed) {
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
    ASSERT_TRUE(open_rocksdb(scratch / "store"));
  }
  const auto store = must_open(scratch / "store");
  EXPECT_EQ(*store->get(Shelf::records, locker(7), "k"), value_of(7));
}

TEST(Durability, a_part_of_an_earlier_start_is_refused_and_nothing_is_changed) {
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

TEST(Durability, a_start_that_was_killed_at_any_step_is_followed_by_another) {
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

TEST(Durability, a_bit_that_would_end_the_engine_is_found_before_it_does) {
  const Scratch scratch;
  fill_table(scratch / "store");
  const auto table = files(scratch / "store/records", ".sst").front();
  const std::string whole = slurp(table);
  for (std::size_t back = 1; back <= 400; ++back) {
    std::string now = whole;
    now[now.size() - back] ^= '\x80';
    std::ofstream(table, std::ios::binary) << now;
    const auto opened = open_rocksdb(scratch / "store", {.read_only = true});
    if (opened) continue;  // not every byte of a table is looked at
    EXPECT_EQ(opened.error().where, table) << back << " " << opened.error().text();
  }
}

TEST(Durability, damage_in_the_last_part_leaves_the_others_as_they_were) {
  const Scratch scratch;
  run_and_kill(scratch / "store", 20);
  const std::string journals = scratch / "store/log/journals", journal = journals + "/" + files_of(journals).at(0);
  damage(journal, 45);
  const auto before = files_of(scratch / "store/records");
  ASSERT_TRUE(fails(open_rocksdb(scratch / "store"), Code::corrupt, "storage.corrupt"));
  EXPECT_EQ(files_of(scratch / "store/records"), before);
}

TEST(Durability, a_look_at_a_store_whose_making_was_cut_short_finds_none) {
  const Scratch scratch;
  const auto looks = [&] {
    return fails(open_rocksdb(scratch / "store", {.read_only = true}), Code::not_found, "storage.none");
  };
  EXPECT_TRUE(looks());
  make_only(scratch / "store");
  std::filesystem::remove(scratch / "store/log/CURRENT");
  for (const std::string& name : files_of(scratch / "store/log")) {
    if (name != "FORMAT") std::filesystem::remove_all(scratch / "store/log" + "/" + name);
  }
  EXPECT_TRUE(looks());
  must_open(scratch / "store").reset();
  run_and_kill(scratch / "store", 1);
  EXPECT_TRUE(open_rocksdb(scratch / "store", {.read_only = true}));
}

TEST(Durability, a_store_whose_making_was_cut_short_is_made_anew) {
  const Scratch scratch;
  for (const char* part : {"records", "keys", "log"}) {
    make_only(scratch / "store");
    const std::string folder = scratch / "store" + "/" + part;
    // As a crash leaves it before its first write: of the first manifest alone, and then without its first log.
    for (const std::string& name : files_of(folder)) {
      if (!name.starts_with("MANIFEST-") && name != "FORMAT") std::filesystem::remove_all(folder + "/" + name);
    }
    std::filesystem::rename(folder + "/" + files_of(folder).back(), folder + "/MANIFEST-000001");
    make_only(scratch / "store");
    for (const std::string& name : files_of(folder)) {
      if (name.ends_with(".log")) std::filesystem::remove(folder + "/" + name);
    }
    ASSERT_TRUE(change_list(folder + "/FILES", [](FileList& list) {
      return std::erase_if(list, [](const auto& file) { return file.first.ends_with(".log"); }) > 0;
    }));
    must_open(scratch / "store").reset();
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

TEST(Durability, a_missing_table_is_named_and_refuses_to_open) {
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

TEST(Durability, a_table_that_was_cut_is_named) {
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
  HF_TRY(const auto store, open_rocksdb(scratch / "cut"));
  EXPECT_EQ(*store->get(Shelf::records, locker(1), "k"), "the first");
  return store->get(Shelf::records, locker(2), "k");
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
